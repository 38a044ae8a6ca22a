#include "tasks/prompted_segmentation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/tokens.hpp"
#include "loss/binary_cross_entropy.hpp"
#include "loss/dice.hpp"
#include "loss/token_cross_entropy.hpp"
#include "tasks/model_checks.hpp"
#include "tasks/open_shards.hpp"
#include "train/validation.hpp"

namespace vox::tasks {
namespace {

using core::concat;
using core::ConfigError;

constexpr int64_t kNoPosition = -1;

/// Words are exchanged when an image is flipped, but a mirrored "superior vena cava" is no "inferior vena cava".
void check_flips(const data::Options& options, const data::ShardReader& reader, data::PositionSpace space) {
    if (options.flip_probability == 0) return;
    std::vector<std::string> structures;
    for (const auto& info : reader.cases())
        for (const auto& target : info.prompts.targets) structures.push_back(target.structure);
    const auto renamed = data::flips_that_rename(structures, space);
    for (const int64_t axis : options.flip_axes) {
        if (!renamed[static_cast<size_t>(axis)]) continue;
        throw ConfigError(
            concat("data.flip_axes: [", core::join(options.flip_axes), "] flips along axis ", axis,
                   ", by whose sides structures of the data set are named, such as 'superior': leave it out"));
    }
}

void check_size(const data::Options& options, const nn::PromptedSegmentorOptions& network) {
    const int64_t divisor = network.size_divisor();
    for (size_t axis = network.flat ? 1 : 0; axis < 3; ++axis) {
        if (options.resize[axis] % divisor == 0) continue;
        throw ConfigError(concat("data.resize: [", core::join(options.resize), "] does not fit the network: ",
                                 network.channels.size(), " levels of prompted_segmentor.channels need ",
                                 network.flat ? "H and W" : "D, H and W", " to be multiples of ", divisor));
    }
    if (network.flat && options.resize[0] != 1)
        throw ConfigError(
            concat("data.resize: [", core::join(options.resize), "] makes volumes of pictures: say [1, H, W]"));
}

}  // namespace

PromptedSegmentation::PromptedSegmentation(const TaskConfig& config, const TaskContext& context,
                                           comm::Communicator& comm)
    : config_(checked(config, context, comm)),
      shards_(context.opened(config)),
      reader_(*shards_),
      facts_(prompted_facts(reader_)),
      fact_texts_(facts_.to_texts()),
      network_(facts_.complete(config.prompted_segmentor)),
      questioner_(facts_, network_, config.prompted) {
    check_size(config_.data, network_);
    check_flips(config_.data, reader_, facts_.space);
    for (const size_t index : reader_.split("train")) index_[reader_.cases()[index].id] = index;
    check_cases(comm);
    model_ = std::make_shared<nn::PromptedSegmentor>(network_, static_cast<uint64_t>(config_.seed), &comm);
    model_->to(comm.device(), context.dtype);
    loader_ = std::make_unique<data::Loader>(reader_, config_.data, context.global_micro_batch, comm.rank(),
                                             comm.size(), comm.device(), context.dtype);
    predictor_ = std::make_unique<PromptedPredictor>(model_, facts_, network_,
                                                     WholeImages{config_.data.whole(), config_.data.intensities()});
    validation_ = train::cases_of(reader_, "val");
    const auto most = static_cast<size_t>(config_.data.max_cases);
    if (most > 0 && validation_.size() > most) validation_.resize(most);
}

void PromptedSegmentation::check_cases(const comm::Communicator& comm) const {
    for (const auto& info : reader_.cases()) questioner_.check(info);
    if (comm.rank() > 0) return;
    if (const auto text = tell_left_out(reader_); !text.empty()) core::log::warning(text);
    core::log::info("words of prompts and answers: ", facts_.vocabulary.size() - core::kEndToken - 1);
    const auto never = words_never_trained(reader_, config_.data.first_cases(reader_.split("train")));
    if (!never.empty())
        core::log::warning("words that no training case has, so that nothing is learnt of them: ", core::join(never));
}

std::vector<train::Term> PromptedSegmentation::terms() const {
    std::vector<train::Term> terms{{"bce", 1.0}, {"dice", 1.0}};
    if (learns_positions()) terms.push_back({"position", config_.prompted.position_weight});
    if (learns_answers()) terms.push_back({"answer", config_.prompted.answer_weight});
    return terms;
}

std::vector<Question> PromptedSegmentation::questions_of(const data::Batch& batch) const {
    const auto augmentation = config_.data.augmentation();
    std::vector<Question> questions;
    for (size_t b = 0; b < batch.case_ids.size(); ++b) {
        const auto flips = data::draw_augmentation(augmentation, batch.keys[b]).flip;
        questions.push_back(questioner_.draw(reader_.cases()[index_.at(batch.case_ids[b])], batch.keys[b], flips));
    }
    return questions;
}

at::Tensor PromptedSegmentation::masks_of(const data::Batch& batch, std::span<const Question> questions) const {
    at::Tensor values = at::empty({batch.size(), 1, 1, 1}, at::kByte);
    for (size_t b = 0; b < questions.size(); ++b) {
        const auto& targets = reader_.cases()[index_.at(batch.case_ids[b])].prompts.targets;
        values.mutable_data_ptr<uint8_t>()[b] = static_cast<uint8_t>(targets.at(questions[b].target).value);
    }
    return batch.label.eq(values.to(batch.label.device())).unsqueeze(1);
}

std::vector<double> PromptedSegmentation::weights(const data::Batch& batch) const {
    const auto questions = questions_of(batch);
    const auto items = static_cast<double>(batch.size());
    std::vector<double> weights{items, items};
    if (learns_positions())
        weights.push_back(static_cast<double>(
            std::ranges::count_if(questions, [](const Question& one) { return one.position != kNoPosition; })));
    if (learns_answers()) {
        double words = 0;  // each but the first, which is given
        for (const auto& one : questions)
            if (!one.answer.empty()) words += static_cast<double>(one.answer.size() - 1);
        weights.push_back(words);
    }
    return weights;
}

std::vector<at::Tensor> PromptedSegmentation::loss_sums(const data::Batch& batch) {
    auto questions = questions_of(batch);
    const at::Tensor masks = masks_of(batch, questions);
    for (size_t b = 0; b < questions.size(); ++b) {
        if (questions[b].form != PromptForm::points) continue;
        const auto point = random_point(masks[static_cast<int64_t>(b)][0], batch.keys[b]);
        if (point) questions[b].points = {*point};  // else resizing took all of it
    }
    auto inputs = inputs_of(batch.image, questions, network_);
    const auto device = batch.image.device();
    const at::Tensor answers = answers_of(questions, network_, device);
    if (learns_answers()) inputs.answers = answers;
    const auto outputs = model_->forward(inputs);
    std::vector<at::Tensor> sums{loss::binary_cross_entropy_per_item(outputs.mask, masks).sum(),
                                 loss::dice_loss_per_item(outputs.mask, masks).sum()};
    if (learns_positions()) {
        const auto found = loss::token_cross_entropy_per_item(
            outputs.position.unsqueeze(1), positions_of(questions, device).unsqueeze(1), kNoPosition);
        sums.push_back(found.sum.sum());
    }
    if (learns_answers()) {
        const int64_t words = network_.most_answer_tokens - 1;
        const auto said = loss::token_cross_entropy_per_item(outputs.answer.narrow(1, 0, words),
                                                             answers.narrow(1, 1, words), core::kPadToken);
        sums.push_back(said.sum.sum());
    }
    return sums;
}

train::CaseFigures PromptedSegmentation::validate_case(const train::ValidationCase& which, bool preview) {
    auto judged =
        judge_prompts(reader_, which.index, *predictor_, questioner_, static_cast<uint64_t>(config_.seed), preview);
    return {which.id, prompted_figures(judged.questions), std::move(judged.preview)};
}

metrics::Figures PromptedSegmentation::summarise(std::span<const train::CaseFigures> cases) const {
    return summarise_prompted(cases);
}

}  // namespace vox::tasks
