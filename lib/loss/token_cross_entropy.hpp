#pragma once
// Cross-entropy of words, and of anything else of which some places of an item count and others do not.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace vox::loss {

/// Sums, not means: how many places count differs from item to item, so that who sums over items and ranks divides by the
/// sum of the counts.
struct TokenCrossEntropy {
    at::Tensor sum;  // [B], over the places that count
    at::Tensor count;  // [B] of the same type: how many those are
};

/// -log softmax(logits) at the label, equal to torch.nn.CrossEntropyLoss(ignore_index=ignored, reduction="sum") of an item.
/// logits [B,T,K] floating; labels [B,T] int64 on the same device, each below K or `ignored` -> in the dtype of the logits, but float32
/// where they are float16 or bfloat16.  Differentiable in the logits; places that are ignored get the gradient 0.  For the answers of
/// a decoder, logits[:, :-1] and tokens[:, 1:] with padding ignored; for one class an item, logits.unsqueeze(1).  B and T may be 0.
/// Any rank, no communication.  Throws InternalError where the shapes do not fit, c10::Error (CPU) for a label that is no class.
TokenCrossEntropy token_cross_entropy_per_item(const at::Tensor& logits, const at::Tensor& labels, int64_t ignored);

}  // namespace vox::loss
