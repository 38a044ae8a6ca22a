#pragma once
// Spoils copies of a shard, so that the damage is noticed by HDF5's checksums, or, forged, reaches its parser.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

/// HDF5's own checksum of its blocks; libhdf5 exports it, its headers do not declare it.
extern "C" uint32_t H5_checksum_metadata(const void* data, size_t length, uint32_t initial);

namespace vox::test {

/// A block of HDF5 and where in the file its checksum stands: behind it, or inside, where it counts as 0.
struct SealedBlock {
    size_t start = 0, length = 0, checksum_at = 0;
};

inline uint32_t stored_checksum(const std::string& bytes, const SealedBlock& block) {
    uint32_t value = 0;
    std::memcpy(&value, bytes.data() + block.checksum_at, sizeof value);
    return value;
}

inline uint32_t right_checksum(const std::string& bytes, const SealedBlock& block) {
    std::string covered = bytes.substr(block.start, block.length);
    const size_t inside = block.checksum_at - block.start;
    if (inside < block.length) std::fill_n(covered.begin() + static_cast<std::ptrdiff_t>(inside), 4, '\0');
    return H5_checksum_metadata(covered.data(), covered.size(), 0);
}

/// What a block that begins here may be: as long as the checksum behind it says; a direct block of a heap is a power of 2 long
/// and its checksum stands behind 13 bytes and an offset of 4 or 5.
inline std::vector<SealedBlock> candidates(const std::string& signature, size_t at) {
    std::vector<SealedBlock> found;
    if (signature == "FHDB") {
        for (size_t length = 512; length <= 65536; length *= 2) {
            for (const size_t offset_bytes : {4, 5}) found.push_back({at, length, at + 13 + offset_bytes});
        }
    } else {
        for (size_t length = 8; length < 4096; ++length) found.push_back({at, length, at + length});
    }
    return found;
}

/// Blocks begin with a signature and are what makes their checksum right: more of the format need not be known.
inline std::vector<SealedBlock> sealed_blocks(const std::string& bytes) {
    std::vector<SealedBlock> blocks;
    for (const std::string signature :
         {"\x89HDF", "OHDR", "OCHK", "FRHP", "FHDB", "FHIB", "BTHD", "BTIN", "BTLF", "FAHD", "FADB"}) {
        for (size_t at = bytes.find(signature); at != std::string::npos; at = bytes.find(signature, at + 1)) {
            for (const auto& block : candidates(signature, at)) {
                if (at + block.length + 4 > bytes.size()) break;
                if (right_checksum(bytes, block) != stored_checksum(bytes, block)) continue;
                blocks.push_back(block);
                break;
            }
        }
    }
    return blocks;
}

/// Makes the checksums right again.
inline void seal(std::string& bytes, const std::vector<SealedBlock>& blocks) {
    for (const auto& block : blocks) {
        if (block.start + block.length + 4 > bytes.size()) continue;
        const uint32_t checksum = right_checksum(bytes, block);
        std::memcpy(bytes.data() + block.checksum_at, &checksum, sizeof checksum);
    }
}

/// Spoils copies of one file, each by its number alone; every second one is forged.
class Mutator {
public:
    Mutator(std::string whole, std::vector<size_t> structure)
        : whole_(std::move(whole)), structure_(std::move(structure)), blocks_(sealed_blocks(whole_)) {}

    size_t blocks() const { return blocks_.size(); }
    static bool forged(int number) { return number % 2 == 1; }

    std::string operator()(int number) const {
        std::string bytes = spoilt(number / 2);
        if (forged(number)) seal(bytes, blocks_);
        return bytes;
    }

private:
    std::string spoilt(int number) const {
        std::mt19937_64 random(static_cast<uint64_t>(number));
        std::string bytes = whole_;
        const size_t at = structure_[random() % structure_.size()];
        const size_t span = std::min<size_t>(size_t{1} << (3 + random() % 7), bytes.size() - at);  // 8 to 512
        switch (number % 7) {
            case 0:  // a bit of the structure
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
                break;
            case 1:  // a few bytes of the structure
                for (size_t i = 0; i < std::min<size_t>(4, span); ++i) bytes[at + i] = static_cast<char>(random());
                break;
            case 2: bytes.resize(random() % bytes.size()); break;
            case 3: std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), span, '\0'); break;
            case 4: {  // a span twice
                const size_t from = structure_[random() % structure_.size()];
                bytes.replace(at, span, whole_.substr(from, span));
                break;
            }
            case 6: {  // a byte anywhere: mostly of a chunk
                const size_t any = random() % bytes.size();
                bytes[any] = static_cast<char>(bytes[any] ^ 0x40);
                break;
            }
            case 5: {  // a huge number in place of a length, an address or a size
                const uint64_t huge = ~uint64_t{0} >> random() % 45;
                const size_t place = std::min(at / 8 * 8, bytes.size() - 8);
                std::memcpy(bytes.data() + place, &huge, 8);
                break;
            }
        }
        return bytes;
    }

    std::string whole_;
    std::vector<size_t> structure_;
    std::vector<SealedBlock> blocks_;
};

}  // namespace vox::test
