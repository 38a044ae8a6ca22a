// The JSON text of a case's prompts, as shards keep it.

#include "data/stored_prompts.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace vox;
    data::CaseInfo info;
    info.shape = {1, 4, 5, 6};
    info.label_voxels = {{1, 3}, {2, 9}, {255, 1}};
    fuzz::accepts<core::DataError>("", [&] {
        info.prompts = data::prompts_from_text(fuzz::text_of(data, size));
        data::check_prompts(info);
        for (const auto& target : info.prompts.targets) {
            fuzz::require(info.label_voxels.contains(static_cast<int>(target.value)),
                          "a target is a value of the label");
            for (size_t axis = 0; axis < 3; ++axis) {
                fuzz::require(target.box.start[axis] >= 0 && target.box.size[axis] >= 1 &&
                                  target.box.start[axis] + target.box.size[axis] <= info.size()[axis],
                              "a box lies in the case");
            }
        }
        for (const auto& one : info.prompts.questions)
            fuzz::require(one.target < info.prompts.targets.size(), "a question is about a target that is there");
        fuzz::require(data::prompts_from_text(data::prompts_to_text(info.prompts)) == info.prompts,
                      "what was read is written as it was");
    });
    return 0;
}
