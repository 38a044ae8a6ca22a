#include "tasks/case_lesions.hpp"

#include "infer/lesion_candidates.hpp"
#include "ops/connected_components.hpp"

namespace vox::tasks {
namespace {

constexpr const char* kHit = "lesion/hit";
constexpr const char* kFalseAlarm = "lesion/false_alarm";
constexpr const char* kMissed = "lesion/missed";
constexpr const char* kCase = "lesion/case";

}  // namespace

metrics::CaseDetections detect_lesions(const at::Tensor& probabilities, const at::Tensor& truth, double threshold) {
    infer::LesionCandidateOptions options;
    options.threshold = threshold;
    const auto candidates = infer::lesion_candidates(probabilities, options);
    const auto lesions = ops::connected_components(truth.to(at::kByte), ops::Connectivity::corners);
    return metrics::match_lesions(candidates.number, candidates.confidence, lesions.number);
}

void append_detections(metrics::Figures& figures, const metrics::CaseDetections& detections) {
    for (const double confidence : detections.hits) figures.emplace_back(kHit, confidence);
    for (const double confidence : detections.false_alarms) figures.emplace_back(kFalseAlarm, confidence);
    figures.emplace_back(kMissed, static_cast<double>(detections.missed));
    figures.emplace_back(kCase, detections.confidence);
}

metrics::CaseDetections detections_among(const metrics::Figures& figures) {
    metrics::CaseDetections detections;
    for (const auto& [name, value] : figures) {
        if (name == kHit) detections.hits.push_back(value);
        if (name == kFalseAlarm) detections.false_alarms.push_back(value);
        if (name == kMissed) detections.missed = static_cast<int64_t>(value);
        if (name == kCase) detections.confidence = value;
    }
    return detections;
}

}  // namespace vox::tasks
