#include "nn/make_model.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/fast_ddpm_3d.hpp"
#include "nn/res_unet.hpp"
#include "nn/segresnet.hpp"

namespace vox::nn {
namespace {

[[noreturn]] void refuse(const std::string& name, const std::vector<std::string>& known,
                         const std::vector<std::string>& others, const char* what_others_are) {
    if (std::ranges::count(others, name) > 0) {
        throw core::ConfigError(core::concat("model.name: ", name, " is ", what_others_are,
                                             ", which this task does not train; it trains: ", core::join(known)));
    }
    throw core::ConfigError(
        core::concat("model.name: there is no network '", name, "'; there are: ", core::join(known)));
}

}  // namespace

const std::vector<std::string>& model_names() {
    static const std::vector<std::string> names{"segresnet", "unet"};
    return names;
}

const std::vector<std::string>& denoising_model_names() {
    static const std::vector<std::string> names{"fast_ddpm_3d"};
    return names;
}

std::shared_ptr<Model> make_model(const ModelOptions& options, const ModelContext& context) {
    if (options.name == "segresnet") return std::make_shared<SegResNet>(options, context);
    if (options.name == "unet") return std::make_shared<ResUNet>(options, context);
    refuse(options.name, model_names(), denoising_model_names(), "a network of diffusions");
}

std::shared_ptr<DenoisingModel> make_denoising_model(const ModelOptions& options, const ModelContext& context) {
    if (options.name == "fast_ddpm_3d") return std::make_shared<FastDdpm3d>(options, context);
    refuse(options.name, denoising_model_names(), model_names(), "a network that is told no timestep");
}

}  // namespace vox::nn
