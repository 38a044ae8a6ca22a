#include "nn/make_model.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "nn/res_unet.hpp"
#include "nn/segresnet.hpp"

namespace vox::nn {

const std::vector<std::string>& model_names() {
    static const std::vector<std::string> names{"segresnet", "unet"};
    return names;
}

std::shared_ptr<Model> make_model(const ModelOptions& options, const ModelContext& context) {
    if (options.name == "segresnet") return std::make_shared<SegResNet>(options, context);
    if (options.name == "unet") return std::make_shared<ResUNet>(options, context);
    throw core::ConfigError(
        core::concat("model.name: there is no network '", options.name, "'; there are: ", core::join(model_names())));
}

}  // namespace vox::nn
