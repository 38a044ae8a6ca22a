#include "nn/activation_bytes.hpp"

#include <algorithm>
#include <cstddef>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/byte_ledger.hpp"
#include "nn/fast_ddpm_3d_plan.hpp"

namespace vox::nn {
namespace {

/// One forward and backward, in the order of autograd's engine: the operation that ran last comes first, and what it kept goes
/// after it.
class Simulation {
public:
    Simulation(const ModelOptions& options, const ActivationWidths& widths)
        : again_(options.activation_checkpointing),
          copies_input_(options.channels_last_3d || widths.input != widths.convolution),
          drops_(options.dropout_prob > 0),
          conv_(widths.convolution),
          norm_(options.norm.ends_with("batch") ? conv_ : widths.norm) {}

    ActivationEstimate run(const std::vector<Stage>& stages) {
        for (size_t i = 0; i < stages.size(); ++i) {
            if (!runs_again(stages[i])) ledger_.add(inner(stages[i]));
            if (keeps_output(stages, i)) ledger_.add(output(stages[i]));
        }
        const int64_t kept = ledger_.live();
        ledger_.add(output(stages.back()));  // its gradient
        for (size_t i = stages.size(); i-- > 0;) {
            // The gradient of one that is joined is a part of the joined one's, which lives as long as the other part.
            const bool is_part = i + 1 < stages.size() && stages[i + 1].is_joined;
            backward(stages[i], is_part ? 0 : output(stages[i]));
            if (i > 0 && keeps_output(stages, i - 1)) ledger_.drop(output(stages[i - 1]));
        }
        return {kept, ledger_.peak()};
    }

private:
    bool runs_again(const Stage& s) const {
        return again_ && s.kind != Stage::Kind::first && s.kind != Stage::Kind::halve;
    }
    /// Joining two volumes and repeating voxels need no values in backward.
    bool keeps_output(const std::vector<Stage>& stages, size_t i) const {
        if (again_ || i + 1 == stages.size()) return true;
        return !stages[i + 1].is_joined && stages[i + 1].kind != Stage::Kind::enlarge;
    }
    int64_t output(const Stage& s) const { return s.voxels * s.out * conv_; }
    /// Where the widths differ, a normalisation keeps a copy of its input.
    int64_t copy() const { return norm_ == conv_ ? 0 : norm_; }

    /// What operations within a stage keep for backward, except for its input and output.
    int64_t inner(const Stage& s) const {
        switch (s.kind) {
            case Stage::Kind::first: return copies_input_ ? s.voxels * s.in * conv_ : 0;
            case Stage::Kind::halve: return 0;
            case Stage::Kind::enlarge: return s.voxels * s.in * conv_;
            case Stage::Kind::last: return s.voxels * s.in * (copy() + norm_ + conv_);
            case Stage::Kind::block: return s.voxels * (residual_inner(s) + (s.has_attention ? attention_inner(s) : 0));
        }
        return 0;
    }
    /// Per voxel: the joined input; what norm1, swish and conv1 take; what norm2, swish, dropout and conv2 take.
    int64_t residual_inner(const Stage& s) const {
        const int64_t first = (s.is_joined ? conv_ : 0) + copy() + norm_ + conv_;
        const int64_t second = (copy() > 0 ? copy() : conv_) + norm_ + (drops_ ? norm_ : 0) + conv_;
        return s.in * first + s.out * second;
    }
    /// Per voxel: its input, what q, k and v take and give, what is seen, and that in the layout of proj_out.
    int64_t attention_inner(const Stage& s) const {
        const int64_t copies = copy() > 0 ? 3 : 1;  // one for each that takes it in its own width
        return s.out * (copy() + conv_ + copies * conv_ + 5 * conv_);
    }

    /// `gradient`: the bytes of that of the output, which lives on entry; on exit that of the input does.
    void backward(const Stage& s, int64_t gradient) {
        if (s.is_skip) {  // meets the decoder's part
            ledger_.drop(joined_gradients_.back());
            joined_gradients_.pop_back();
        }
        if (runs_again(s)) ledger_.add(inner(s) + output(s));
        switch (s.kind) {
            case Stage::Kind::first: ledger_.drop(gradient + inner(s)); break;
            case Stage::Kind::halve: ledger_.replace_by_convolution(gradient, 8 * s.voxels * s.in * conv_); break;
            case Stage::Kind::enlarge: enlarge_backward(s); break;
            case Stage::Kind::last: last_backward(s, gradient); break;
            case Stage::Kind::block: block_backward(s, gradient); break;
        }
        if (runs_again(s)) ledger_.drop(output(s));
    }

    void enlarge_backward(const Stage& s) {
        const int64_t large = s.voxels * s.in * conv_;
        ledger_.replace_by_convolution(large, large);
        ledger_.replace(large, large / 8);
    }

    void last_backward(const Stage& s, int64_t gradient) {
        const int64_t values = s.voxels * s.in;
        ledger_.replace_by_convolution(values * conv_ + gradient, values * conv_);
        norm_backward(values, copy() * values, /*drops=*/false);
    }

    void block_backward(const Stage& s, int64_t gradient) {
        const int64_t in = s.voxels * s.in, out = s.voxels * s.out;
        if (s.has_attention) ledger_.replace(5 * out * conv_ + s.voxels * attention_inner(s), 5 * out * conv_);
        const bool has_shortcut = s.in != s.out;
        // What a stage that runs again is given lives until it ends, and so does what also goes past the block.
        const bool gradient_stays = runs_again(s) || !has_shortcut;
        if (has_shortcut) ledger_.add(in * conv_);
        ledger_.replace_by_convolution(out * conv_ + (gradient_stays ? 0 : gradient), out * conv_);  // conv2
        norm_backward(out, out * (copy() > 0 ? copy() : conv_), drops_);
        ledger_.replace_by_convolution(out * conv_ + in * conv_, in * conv_);  // conv1
        norm_backward(in, in * copy(), /*drops=*/false);
        // Both ways through the block become one.
        if (has_shortcut) ledger_.drop(in * conv_);
        if (gradient_stays) ledger_.drop(gradient);
        if (!s.is_joined) return;
        ledger_.drop(in * conv_);  // the joined input
        joined_gradients_.push_back(in * conv_);
    }

    /// Dropout, swish and the normalisation before them, which kept `input`.
    void norm_backward(int64_t values, int64_t input, bool drops) {
        const int64_t wide = values * norm_;
        if (copy() > 0) ledger_.replace(values * conv_, wide);
        if (drops) ledger_.replace(2 * wide, wide);
        ledger_.replace(2 * wide, wide);
        ledger_.replace(wide + input, wide);
        if (copy() > 0) ledger_.replace(wide, values * conv_);
    }

    bool again_, copies_input_, drops_;
    int64_t conv_, norm_;
    Ledger ledger_;
    std::vector<int64_t> joined_gradients_;
};

std::vector<Stage> checked_stages(const ModelOptions& options, const ModelContext& context,
                                  const std::vector<int64_t>& crop, int64_t batch) {
    core::check(options.name == "fast_ddpm_3d", core::concat("the memory of ", options.name, " is not predicted"));
    if (const auto problem = options.problem(); !problem.empty()) core::check(false, problem);
    return fast_ddpm_3d_stages(options, context.in_channels, context.out_channels, crop, batch);
}

}  // namespace

ActivationWidths ActivationWidths::of(at::ScalarType weights, bool autocast, at::DeviceType device) {
    const auto width = static_cast<int64_t>(c10::elementSize(weights));
    if (!autocast) return {width, width, width};
    return {2, device == at::kCUDA ? 4 : 2, width};
}

ActivationEstimate estimate_activations(const ModelOptions& options, const ModelContext& context,
                                        const std::vector<int64_t>& crop, int64_t batch,
                                        const ActivationWidths& widths) {
    return Simulation(options, widths).run(checked_stages(options, context, crop, batch));
}

LargestTensor largest_tensor(const ModelOptions& options, const std::vector<int64_t>& crop, int64_t batch) {
    LargestTensor largest;
    for (const auto& stage : checked_stages(options, {}, crop, batch)) {
        const auto take = [&](int64_t channels, const char* what) {
            const int64_t elements = stage.voxels * channels;
            if (elements > largest.elements) largest = {core::concat(what, stage.name), elements};
        };
        take(stage.out, "the output of ");
        if (stage.is_joined) take(stage.in, "the joined input of ");
    }
    return largest;
}

void check_tensor_sizes(const ModelOptions& options, const std::vector<int64_t>& crop, int64_t batch) {
    if (options.name != "fast_ddpm_3d") return;
    const auto largest = largest_tensor(options, crop, batch);
    if (largest.elements < int64_t{1} << 31) return;
    throw core::ConfigError(core::concat("fast_ddpm_3d: for ", batch, " items of [", core::join(crop), "], ",
                                         largest.name, " has ", largest.elements, " elements, and a tensor may have ",
                                         (int64_t{1} << 31) - 1,
                                         ": choose a smaller data.crop_size or batch, or fewer model.base_channels"));
}

}  // namespace vox::nn
