#include "tasks/prompted_questions.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "core/tokens.hpp"
#include "data/prompt_templates.hpp"
#include "tasks/sample_key.hpp"

namespace vox::tasks {
namespace {

using core::concat;
using core::DataError;

constexpr std::array<bool, 3> kNotFlipped{false, false, false};
constexpr int64_t kPointsOfBox = 2;

size_t number_of(const std::array<bool, 3>& flips) {
    return (flips[0] ? 4U : 0U) + (flips[1] ? 2U : 0U) + (flips[2] ? 1U : 0U);
}

/// [B,most] int64: each row padded.
at::Tensor token_rows(std::span<const Question> questions, std::vector<int64_t> Question::* tokens, int64_t most) {
    at::Tensor rows = at::full({static_cast<int64_t>(questions.size()), most}, core::kPadToken, at::kLong);
    for (size_t b = 0; b < questions.size(); ++b)
        std::ranges::copy(questions[b].*tokens, rows.mutable_data_ptr<int64_t>() + static_cast<int64_t>(b) * most);
    return rows;
}

std::vector<size_t> questions_of(const data::CasePrompts& prompts, size_t target) {
    std::vector<size_t> found;
    for (size_t i = 0; i < prompts.questions.size(); ++i)
        if (prompts.questions[i].target == target) found.push_back(i);
    return found;
}

}  // namespace

std::optional<PromptPoint> random_point(const at::Tensor& mask, const ops::RandomKey& key) {
    const auto voxels = mask.flatten().nonzero().squeeze(1);
    if (voxels.numel() == 0) return std::nullopt;
    const auto count = static_cast<uint32_t>(voxels.numel());
    int64_t at = voxels[ops::random_below(key, ops::Purpose::prompt_place, 0, 0, count)].item<int64_t>();
    PromptPoint point;
    for (size_t axis = 3; axis-- > 0;) {
        const int64_t edge = mask.size(static_cast<int64_t>(axis));
        point.place[axis] = (static_cast<double>(at % edge) + 0.5) / static_cast<double>(edge);
        at /= edge;
    }
    return point;
}

nn::PromptedInputs inputs_of(const at::Tensor& image, std::span<const Question> questions,
                             const nn::PromptedSegmentorOptions& network) {
    const auto count = static_cast<int64_t>(questions.size());
    at::Tensor points = at::zeros({count, kPointsOfBox, 3}, at::kDouble);
    at::Tensor kinds = at::full({count, kPointsOfBox}, static_cast<int64_t>(nn::PointKind::none), at::kLong);
    for (int64_t b = 0; b < count; ++b) {
        const auto& given = questions[static_cast<size_t>(b)].points;
        core::check(given.size() <= static_cast<size_t>(kPointsOfBox),
                    "a question has more points than a box has corners");
        for (size_t p = 0; p < given.size(); ++p) {
            const int64_t row = b * kPointsOfBox + static_cast<int64_t>(p);
            std::ranges::copy(given[p].place, points.mutable_data_ptr<double>() + 3 * row);
            kinds.mutable_data_ptr<int64_t>()[row] = static_cast<int64_t>(given[p].kind);
        }
    }
    const auto words = token_rows(questions, &Question::words, network.most_tokens);
    return {.image = image,
            .words = words.to(image.device()),
            .points = points.to(image.options()),
            .kinds = kinds.to(image.device()),
            .answers = {}};
}

at::Tensor answers_of(std::span<const Question> questions, const nn::PromptedSegmentorOptions& network,
                      at::Device device) {
    auto rows = token_rows(questions, &Question::answer, network.most_answer_tokens);
    rows.select(1, 0).fill_(core::kBeginToken);
    return rows.to(device);
}

at::Tensor positions_of(std::span<const Question> questions, at::Device device) {
    at::Tensor positions = at::empty({static_cast<int64_t>(questions.size())}, at::kLong);
    for (size_t b = 0; b < questions.size(); ++b) positions.mutable_data_ptr<int64_t>()[b] = questions[b].position;
    return positions.to(device);
}

bool can_be_asked(const data::CasePrompts& prompts, const PromptedOptions& options) {
    const bool in_words_only = options.forms() == std::vector{PromptForm::words};
    return in_words_only ? !prompts.questions.empty() : !prompts.targets.empty();
}

Questioner::Questioner(const PromptedFacts& facts, const nn::PromptedSegmentorOptions& network,
                       const PromptedOptions& options)
    : facts_(facts), network_(network), forms_(options.forms()), options_(options) {
    for (size_t number = 0; number < exchanged_.size(); ++number) {
        const std::array<bool, 3> flips{(number & 4) != 0, (number & 2) != 0, (number & 1) != 0};
        exchanged_[number] = facts_.vocabulary.exchanged(facts_.space, flips);
    }
}

std::vector<int64_t> Questioner::tokens(const std::string& text, int64_t most, const std::array<bool, 3>& flips) const {
    auto tokens = facts_.vocabulary.encode(text, static_cast<size_t>(most));
    for (auto& token : tokens) token = exchanged_[number_of(flips)][static_cast<size_t>(token)];
    return tokens;
}

void Questioner::check(const data::CaseInfo& info) const {
    const auto& prompts = info.prompts;
    try {
        for (size_t i = 0; i < prompts.questions.size(); ++i) in_words(prompts, i, kNotFlipped);
    } catch (const DataError& error) {
        throw DataError(concat("case ", info.id, ": ", error.what()));
    }
}

int64_t Questioner::flipped_position(int64_t position, const std::array<bool, 3>& flips) const {
    if (position < 0) return position;
    return data::position_class(data::flipped(data::position_of_class(position, facts_.space), flips));
}

Question Questioner::in_words(const data::CasePrompts& prompts, size_t question,
                              const std::array<bool, 3>& flips) const {
    const auto& given = prompts.questions.at(question);
    Question asked{.form = PromptForm::words, .target = given.target};
    asked.words = tokens(given.question, network_.most_tokens, flips);
    if (!given.answer.empty() && network_.answer_blocks > 0)
        asked.answer = tokens(given.answer, network_.most_answer_tokens, flips);
    asked.position = flipped_position(prompts.targets.at(given.target).position, flips);
    asked.states_position = data::states_position(given.question);
    return asked;
}

Question Questioner::by_place(const data::CaseInfo& info, PromptForm form, size_t target,
                              const std::array<bool, 3>& flips) const {
    const auto size = info.size();
    const auto& thing = info.prompts.targets.at(target);
    Question asked{
        .form = form, .target = target, .position = flipped_position(thing.position, flips), .states_position = true};
    const core::Box voxel{thing.inside, {1, 1, 1}};
    const auto box = data::flipped(form == PromptForm::boxes ? thing.box : voxel, size, flips);
    PromptPoint low{.kind = nn::PointKind::box_low}, high{.kind = nn::PointKind::box_high}, inside;
    for (size_t axis = 0; axis < 3; ++axis) {
        const auto edge = static_cast<double>(size[axis]), start = static_cast<double>(box.start[axis]);
        const auto length = static_cast<double>(box.size[axis]);
        low.place[axis] = start / edge;
        high.place[axis] = (start + length) / edge;
        inside.place[axis] = (start + length / 2) / edge;
    }
    if (form == PromptForm::boxes) {
        asked.points = {low, high};
    } else {
        asked.points = {inside};
    }
    return asked;
}

/// Moves the sides of a box, as hands draw them.  What has one voxel only along an axis, a picture's depth, stays.
void Questioner::widen(Question& question, const data::CaseInfo& info, const ops::RandomKey& key) const {
    auto& low = question.points.at(0).place;
    auto& high = question.points.at(1).place;
    for (uint32_t axis = 0; axis < 3; ++axis) {
        if (info.size()[axis] == 1) continue;
        const double most = options_.box_jitter * (high[axis] - low[axis]);
        const auto moved = [&](double side, uint32_t index) {
            const double u = 2 * ops::random_uniform(key, ops::Purpose::prompt_place, 1, index) - 1;
            return std::clamp(side + most * u, 0.0, 1.0);
        };
        low[axis] = moved(low[axis], 2 * axis);
        high[axis] = moved(high[axis], 2 * axis + 1);
    }
}

Question Questioner::draw(const data::CaseInfo& info, const ops::RandomKey& key,
                          const std::array<bool, 3>& flips) const {
    const auto below = [&](uint32_t index, size_t count) {
        return ops::random_below(key, ops::Purpose::prompt, 0, index, static_cast<uint32_t>(count));
    };
    const auto& prompts = info.prompts;
    auto forms = forms_;
    if (prompts.questions.empty()) std::erase(forms, PromptForm::words);
    const auto form = forms.at(below(0, forms.size()));
    if (form == PromptForm::words) return in_words(prompts, below(1, prompts.questions.size()), flips);
    auto asked = by_place(info, form, below(1, prompts.targets.size()), flips);
    if (form == PromptForm::boxes) widen(asked, info, key);
    return asked;
}

std::vector<Question> Questioner::of_case(const data::CaseInfo& info, uint64_t seed) const {
    std::vector<Question> asked;
    for (size_t target = 0; target < info.prompts.targets.size(); ++target) {
        for (const auto form : forms_) {
            if (form != PromptForm::words) {
                asked.push_back(by_place(info, form, target, kNotFlipped));
                continue;
            }
            // Spread over the templates, and others for every case.
            const auto known = questions_of(info.prompts, target);
            const size_t most = options_.validation_questions == 0
                                    ? known.size()
                                    : std::min(known.size(), static_cast<size_t>(options_.validation_questions));
            if (most == 0) continue;
            const size_t first = ops::random_below(sample_key(seed, info.id, static_cast<int64_t>(target)),
                                                   ops::Purpose::prompt, 1, 0, static_cast<uint32_t>(known.size()));
            for (size_t i = 0; i < most; ++i)
                asked.push_back(
                    in_words(info.prompts, known[(first + i * known.size() / most) % known.size()], kNotFlipped));
        }
    }
    return asked;
}

}  // namespace vox::tasks
