#include "data/stored_prompts.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/shard_format.hpp"

namespace vox::data {
namespace {

using core::concat;
using core::DataError;
using Json = nlohmann::ordered_json;

constexpr const char* kImage = "image";
constexpr const char* kPatient = "patient";

/// The JSON library turns any number into any type, without a look at whether it fits.
int64_t integer(const Json& json) {
    if (json.is_number_unsigned() ? std::in_range<int64_t>(json.get<uint64_t>()) : json.is_number_integer())
        return json.get<int64_t>();
    throw DataError(
        concat(json.is_number() ? json.dump() : concat("a ", json.type_name()), " stands where an integer should be"));
}

core::Index3 index3(const Json& json) {
    if (!json.is_array() || json.size() != 3) throw DataError("there are not three numbers where D, H, W should be");
    return {integer(json[0]), integer(json[1]), integer(json[2])};
}

PositionSpace space_of(const std::string& name) {
    if (name == kImage) return PositionSpace::image;
    if (name == kPatient) return PositionSpace::patient;
    throw DataError(concat("the space '", name, "' is neither ", kImage, " nor ", kPatient));
}

/// An object of these members and no others.
const Json& exactly(const Json& json, size_t members, const char* what) {
    if (!json.is_object() || json.size() != members)
        throw DataError(concat("a ", what, " has not its ", members, " members"));
    return json;
}

PromptTarget target_of(const Json& json) {
    exactly(json, 6, "target");
    return {.value = integer(json.at("value")),
            .structure = json.at("structure"),
            .box = {index3(json.at("start")), index3(json.at("size"))},
            .inside = index3(json.at("inside")),
            .position = integer(json.at("position"))};
}

PromptQuestion question_of(const Json& json) {
    exactly(json, 3, "question");
    const int64_t target = integer(json.at("target"));
    if (target < 0) throw DataError(concat("a question is about target ", target));
    return {static_cast<size_t>(target), json.at("question"), json.at("answer")};
}

CasePrompts from_json(const Json& json) {
    exactly(json, 4, "case's prompts");
    CasePrompts prompts{space_of(json.at("space")), json.at("modality"), {}, {}};
    for (const auto& target : json.at("targets")) prompts.targets.push_back(target_of(target));
    for (const auto& question : json.at("questions")) prompts.questions.push_back(question_of(question));
    return prompts;
}

void check_text(const std::string& text, const std::string& what) {
    if (text.size() > format::kMaxTextBytes)
        throw DataError(concat(what, " is longer than ", format::kMaxTextBytes, " bytes"));
}

void check_target(const PromptTarget& target, const CaseInfo& info) {
    const std::string name = concat("target ", target.value);
    if (target.value < 1 || target.value > 255 || !info.label_voxels.contains(static_cast<int>(target.value)))
        throw DataError(concat(name, " is no value of the label"));
    check_text(target.structure, concat("the structure of ", name));
    for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t start = target.box.start[axis], size = target.box.size[axis], edge = info.size()[axis];
        if (start < 0 || start >= edge || size < 1 || size > edge - start)
            throw DataError(concat(name, ": its box reaches out of the case (", start, " and ", size, " of ", edge,
                                   " voxels along axis ", axis, ")"));
        if (target.inside[axis] < start || target.inside[axis] >= start + size)
            throw DataError(concat(name, ": its inner voxel is not in its box"));
    }
    if (target.position < -1 || target.position >= position_classes(info.prompts.space))
        throw DataError(concat(name, ": there is no position ", target.position));
}

}  // namespace

std::string prompts_to_text(const CasePrompts& prompts) {
    Json targets = Json::array(), questions = Json::array();
    for (const auto& one : prompts.targets) {
        targets.push_back({{"value", one.value},
                           {"structure", one.structure},
                           {"start", one.box.start},
                           {"size", one.box.size},
                           {"inside", one.inside},
                           {"position", one.position}});
    }
    for (const auto& one : prompts.questions)
        questions.push_back({{"target", one.target}, {"question", one.question}, {"answer", one.answer}});
    const Json json = {{"space", prompts.space == PositionSpace::image ? kImage : kPatient},
                       {"modality", prompts.modality},
                       {"targets", targets},
                       {"questions", questions}};
    try {
        return json.dump();
    } catch (const Json::exception& error) {
        throw DataError(concat("its prompts are no UTF-8 text: ", error.what()));
    }
}

CasePrompts prompts_from_text(const std::string& text) {
    try {
        return from_json(Json::parse(text));
    } catch (const Json::exception& error) {
        throw DataError(error.what());
    }
}

void check_prompts(const CaseInfo& info) {
    const CasePrompts& prompts = info.prompts;
    if (prompts.targets.size() > format::kMaxTargets || prompts.questions.size() > format::kMaxQuestions) {
        throw DataError(concat(prompts.targets.size(), " targets and ", prompts.questions.size(),
                               " questions are over the limits of ", format::kMaxTargets, " and ",
                               format::kMaxQuestions));
    }
    if (!prompts.empty() && prompts.space == PositionSpace::image && info.size()[0] != 1)
        throw DataError(concat("sides are an image's, but the case has ", info.size()[0], " planes"));
    check_text(prompts.modality, "the modality");
    int64_t before = 0;
    for (const auto& target : prompts.targets) {
        check_target(target, info);
        if (target.value <= before) throw DataError(concat("target ", target.value, " stands after ", before));
        before = target.value;
    }
    size_t last = 0;
    for (const auto& question : prompts.questions) {
        if (question.target >= prompts.targets.size() || question.target < last)
            throw DataError(concat("a question is about target number ", question.target, " of ",
                                   prompts.targets.size(), ", after one about number ", last));
        last = question.target;
        if (question.question.empty()) throw DataError(concat("a question about target number ", last, " is empty"));
        check_text(question.question, "a question");
        check_text(question.answer, "an answer");
    }
}

}  // namespace vox::data
