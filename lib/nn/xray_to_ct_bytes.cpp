#include "nn/xray_to_ct_bytes.hpp"

#include <vector>

#include "nn/byte_ledger.hpp"
#include "nn/xray_encoder.hpp"
#include "nn/xray_to_ct.hpp"

namespace vox::nn {
namespace {

/// One forward and backward.  Names ending in `_values` count elements; all else is bytes.
class Simulation {
public:
    Simulation(const XrayToCtOptions& options, size_t stage, int64_t batch, const ActivationWidths& widths)
        : again_(options.activation_checkpointing),
          drops_(options.dropout_prob > 0),
          follows_(stage > 0),
          batch_(batch),
          conv_(widths.convolution),
          norm_(widths.norm),
          cast_(conv_ == norm_ ? 0 : conv_),
          stage_(options.stages.at(stage)),
          xray_(options.xray) {
        int64_t voxels = batch * stage_.volume_size[0] * stage_.volume_size[1] * stage_.volume_size[2];
        output_values_ = voxels;
        for (const int64_t channels : stage_.channels()) {
            level_values_.push_back(voxels * channels);
            voxels /= 8;
        }
        token_values_ = voxels * stage_.voxel_dim;
        level_values_.push_back(token_values_);
        const int64_t views = batch * xray_.num_views, side = xray_.img_size;
        map_values_ = views * XrayEncoder::kChannels * (side / 8) * (side / 8);
        context_values_ = map_values_ / 16;
    }

    ActivationEstimate run() {
        forward();
        const int64_t kept = ledger_.live();
        ledger_.add(output_values_ * conv_);  // its gradient
        convolution_backward(full() * conv_, output_values_ * conv_);
        ledger_.drop(full() * conv_);
        for (size_t i = 0; i < levels(); ++i) fuse_backward(i);
        ledger_.replace(2 * token_values_ * norm_, token_values_ * norm_);  // the normalisation of tokens
        for (int64_t i = 0; i < stage_.vit_depth; ++i) block_backward();
        for (size_t i = levels(); i-- > 0;) halve_backward(i);
        lifting_backward();
        encoder_backward();
        return {kept, ledger_.peak()};
    }

private:
    size_t levels() const { return level_values_.size() - 1; }
    int64_t full() const { return level_values_[0]; }

    void forward() {
        // The maps, and the tokens of X-rays; without checkpointing what the encoder gives before its embeddings, too.
        ledger_.add(map_values_ * (norm_ + cast_) + context_values_ * norm_);
        if (!again_) ledger_.add(encoder_inner() + map_values_ * norm_ + lifting_inner());
        if (follows_) ledger_.add(2 * output_values_ * conv_);  // with the volume before
        ledger_.add(full() * conv_);
        for (size_t i = 0; i < levels(); ++i) {
            if (!again_) ledger_.add(halve_inner(i));
            ledger_.add(level_values_[i + 1] * norm_);
        }
        for (int64_t i = 0; i < stage_.vit_depth; ++i) {
            if (!again_) ledger_.add(block_inner());
            ledger_.add(token_values_ * norm_);
        }
        ledger_.add(token_values_ * norm_);  // normalised
        for (size_t i = levels(); i-- > 0;) {
            if (!again_) ledger_.add(fuse_inner(level_values_[i]));
            ledger_.add(level_values_[i] * conv_);
        }
        ledger_.add(output_values_ * conv_);
    }

    /// The gradient of its input is made first; that of its weight then takes the input and the output's gradient in a layout of its
    /// own.
    void convolution_backward(int64_t input, int64_t output, bool output_stays = false) {
        ledger_.add(2 * input + output);
        ledger_.drop(input + (output_stays ? 1 : 2) * output);
    }
    /// What a scale and a shift per channel, or a product, with a gradient of both sides leave: of `values` one gradient more.
    void scale_backward(int64_t bytes, int64_t temporaries) {
        ledger_.add(bytes * (1 + temporaries));
        ledger_.drop(bytes * temporaries);
    }

    // ---- X-rays

    int64_t encoder_inner() const {
        const int64_t second = second_values(), first = first_values();
        const int64_t pooled = 8 + norm_ + cast_;  // and where the maxima were
        return (first + second) * 2 * norm_ + (first + second) / 4 * pooled + map_values_ * norm_;
    }
    int64_t second_values() const { return map_values_; }  // a quarter of the channels at twice the size
    int64_t first_values() const { return 2 * map_values_; }

    void encoder_backward() {
        ledger_.add(map_values_ * norm_);  // of the maps; of what came before the embeddings
        if (again_) {
            ledger_.add(encoder_inner() + map_values_ * norm_);
            ledger_.drop(map_values_ * norm_);
        }
        ledger_.replace(2 * map_values_ * norm_, map_values_ * norm_);
        ledger_.replace(2 * map_values_ * norm_, map_values_ * norm_);
        int64_t output = map_values_;
        for (const int64_t values : {second_values(), first_values()}) {
            convolution_backward(values / 4 * conv_, output * norm_);
            ledger_.add(values * norm_);
            ledger_.drop(values / 4 * (conv_ + 8 + norm_ + cast_));
            ledger_.replace(2 * values * norm_, values * norm_);
            ledger_.replace(2 * values * norm_, values * norm_);
            output = values;
        }
    }

    int64_t lifting_inner() const {
        const int64_t pixels = map_values_ / XrayEncoder::kChannels / xray_.num_views;
        int64_t sum = 0;
        for (int64_t view = 0; view < xray_.num_views; ++view) {
            const auto& size = stage_.volume_size;
            const int64_t depths = view == 0 ? size[1] : size[2], columns = view == 0 ? size[2] : size[1];
            sum += pixels * (256 + 128) * (3 * norm_ + cast_) + pixels * depths * norm_ +
                   batch_ * (depths + stage_.channels()[0]) * size[0] * columns * norm_;
        }
        return sum;
    }

    /// The gradient of the volume is that of every view's.
    void lifting_backward() {
        const int64_t inner = lifting_inner(), volume = full() * norm_;
        if (again_) {
            ledger_.add(inner + 3 * volume);
            ledger_.drop(3 * volume);
        }
        ledger_.add(2 * volume);
        ledger_.drop(2 * volume);
        ledger_.replace(volume + inner, map_values_ * norm_);
    }

    // ---- The way down, and its transformer

    int64_t halve_inner(size_t i) const { return level_values_[i + 1] * 2 * norm_; }

    void halve_backward(size_t i) {
        const int64_t values = level_values_[i + 1] * norm_;
        if (again_) {
            ledger_.add(halve_inner(i) + values);
            ledger_.drop(values);
        }
        ledger_.replace(2 * values, values);  // SiLU
        ledger_.replace(2 * values, values);
        convolution_backward(level_values_[i] * conv_, values);
        // Joined with the skip's gradient, which was a part of a larger one.
        ledger_.drop(joined_gradients_.back());
        joined_gradients_.pop_back();
        ledger_.drop(level_values_[i] * (i > 0 ? norm_ : conv_));  // what it was given
    }

    int64_t attention_statistics() const {
        return batch_ * stage_.num_heads * (token_values_ / stage_.voxel_dim / batch_) * 4;
    }
    int64_t context_kept() const { return 2 * context_values_ / XrayEncoder::kChannels * stage_.voxel_dim * conv_; }

    /// Of one block, but for its input and output: see VitBlock::forward.
    int64_t block_inner() const {
        const int64_t scale = drops_ ? conv_ : 0;
        const int64_t self = 2 * norm_ + 3 * cast_ + 5 * conv_ + scale;
        const int64_t cross = 2 * norm_ + cast_ + 2 * conv_ + scale;
        const int64_t mlp = 3 * norm_ + cast_ + 8 * conv_ + 5 * scale + conv_;
        return token_values_ * (self + cross + mlp) + context_kept() + 2 * attention_statistics();
    }

    /// The worst of it is where the MLP's gradients are; from there on what was kept goes.
    void block_backward() {
        const int64_t tokens = token_values_ * conv_, scale = drops_ ? tokens : 0;
        const int64_t inner = block_inner();
        const int64_t weights =
            again_ ? 4 * stage_.voxel_dim * stage_.voxel_dim * conv_ : 0;  // of the MLP's second layer
        if (again_) {
            ledger_.add(inner + token_values_ * norm_);
            ledger_.drop(token_values_ * norm_);
        }
        ledger_.add(2 * tokens);  // of the MLP's output, and of its gate's product
        ledger_.drop(tokens);
        ledger_.drop(tokens + scale);
        ledger_.add(4 * tokens + weights);
        ledger_.drop(tokens + 4 * tokens);
        if (drops_) ledger_.replace(4 * tokens + 4 * scale, 4 * tokens);
        ledger_.replace(4 * tokens + 4 * tokens, 4 * tokens);
        ledger_.replace(4 * tokens, tokens);
        // Both attentions are less.
        ledger_.drop(tokens);
        ledger_.drop(inner - (1 + 8) * tokens - 5 * scale + weights);
        ledger_.drop(token_values_ * norm_);  // its input
    }

    // ---- The way up

    /// The joined values, what the normalisation takes and gives, what SiLU takes and gives.
    int64_t fuse_inner(int64_t values) const { return values * (2 * conv_ + 4 * norm_ + cast_); }

    void fuse_backward(size_t i) {
        const int64_t gradient = level_values_[i] * conv_, below = level_values_[i + 1] * conv_;
        const int64_t items = again_ ? XrayToCt::items_at_once(batch_) : batch_;
        const int64_t values = level_values_[i] / batch_ * items;
        const bool parts = items < batch_;
        // The last part finds the gradients of the others.
        const int64_t others = parts ? (2 * gradient + below) / batch_ * (batch_ - items) : 0;
        ledger_.add(others);
        if (again_) {
            ledger_.add(fuse_inner(values) + values * conv_);
            ledger_.drop(values * conv_);
        }
        const int64_t one = values * conv_, wide = values * norm_;
        convolution_backward(one, one, /*output_stays=*/true);
        ledger_.drop(wide + values * cast_);
        ledger_.replace(one + wide, wide);  // SiLU
        scale_backward(wide, 2);
        ledger_.drop(2 * wide);
        ledger_.replace(2 * wide, wide);
        convolution_backward(2 * one, wide);
        convolution_backward(2 * one, one, /*output_stays=*/true);
        ledger_.drop(2 * one + 2 * one);  // the sum of both; the joined values
        const int64_t own_below = below / batch_ * items;
        if (!parts) ledger_.drop(gradient);
        ledger_.add(one / 8);
        convolution_backward(own_below, one / 8);
        if (parts) {
            ledger_.add(gradient + below);
            ledger_.drop(others + 2 * one + own_below + gradient);
        }
        joined_gradients_.push_back(parts ? gradient : 2 * one);
        ledger_.drop(level_values_[i + 1] * (i + 1 < levels() ? conv_ : norm_));  // what came from below
    }

    bool again_, drops_, follows_;
    int64_t batch_, conv_, norm_, cast_;
    XrayToCtStage stage_;
    XrayOptions xray_;
    int64_t output_values_ = 0, token_values_ = 0, map_values_ = 0, context_values_ = 0;
    std::vector<int64_t> level_values_;  // from full size; last the tokens
    std::vector<int64_t> joined_gradients_;
    Ledger ledger_;
};

}  // namespace

ActivationEstimate estimate_xray_to_ct(const XrayToCtOptions& options, size_t stage, int64_t batch,
                                       const ActivationWidths& widths) {
    return Simulation(options, stage, batch, widths).run();
}

}  // namespace vox::nn
