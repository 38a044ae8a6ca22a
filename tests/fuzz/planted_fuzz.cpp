// No reader: a bug that is known to be there.  tools/fuzz.sh fails where it is not found, so that a fuzzer which sees nothing
// (a library without instrumentation, a sanitizer that is off) is noticed.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 6 || std::memcmp(data, "vox", 3) != 0) return 0;
    const std::vector<uint8_t> field(data + 3, data + size);
    // The bug: the length that the file gives may be the field's own length, one more than its last index.
    volatile uint8_t last = 0;
    if (field[0] <= field.size()) last = field.data()[field[0]];
    return last * 0;
}
