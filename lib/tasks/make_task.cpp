#include "tasks/make_task.hpp"

#include "core/error.hpp"
#include "tasks/prompted_segmentation.hpp"
#include "tasks/segmentation.hpp"
#include "tasks/survival.hpp"
#include "tasks/synthesis.hpp"
#include "tasks/xray_to_ct.hpp"

namespace vox::tasks {

std::unique_ptr<train::Task> make_task(const TaskConfig& config, const TaskContext& context, comm::Communicator& comm) {
    if (config.task == "segmentation") return std::make_unique<Segmentation>(config, context, comm);
    if (config.task == "synthesis") return std::make_unique<Synthesis>(config, context, comm);
    if (config.task == "xray_to_ct") return std::make_unique<XrayToCt>(config, context, comm);
    if (config.task == "survival") return std::make_unique<Survival>(config, context, comm);
    if (config.task == "prompted_segmentation") return std::make_unique<PromptedSegmentation>(config, context, comm);
    throw core::InternalError("no task is named " + config.task);
}

}  // namespace vox::tasks
