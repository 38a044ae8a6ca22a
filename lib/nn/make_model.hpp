#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/denoising_model.hpp"
#include "nn/model.hpp"
#include "nn/options.hpp"

namespace vox::nn {

/// Builds the network that `options.name` names, in training mode, float32, on the host: move it with `to(device, dtype)`.
/// Every rank builds the same weights from the same seed.  Throws ConfigError for options that do not fit together, and for
/// the name of a network of diffusions.
std::shared_ptr<Model> make_model(const ModelOptions& options, const ModelContext& context);

/// The same for networks of diffusions; ConfigError for the name of another.
std::shared_ptr<DenoisingModel> make_denoising_model(const ModelOptions& options, const ModelContext& context);

/// Names that `make_model` knows.
const std::vector<std::string>& model_names();

/// Names that `make_denoising_model` knows.
const std::vector<std::string>& denoising_model_names();

}  // namespace vox::nn
