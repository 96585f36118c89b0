// Everything compiled once per instruction set, then published as one table.
#define SP_TEXT_(x) #x
#define SP_TEXT(x) SP_TEXT_(x)

namespace sparseprune {
namespace SP_ISA {
namespace {

// clang-format off: the order matters
#include "kernels/simd-inl.h"
#include "kernels/exp-inl.h"
#include "kernels/activation-inl.h"
#include "kernels/conv-inl.h"
#include "kernels/conv_table-inl.h"
#include "kernels/lookup-inl.h"
#include "kernels/gemv-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/interleave-inl.h"
#include "kernels/map-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/softmax-inl.h"
#include "kernels/resize-inl.h"
#include "kernels/pool-inl.h"
#include "kernels/probe-inl.h"
#include "kernels/largest_product-inl.h"
#include "kernels/largest_mean-inl.h"
// clang-format on

bool Supported() { return SP_SUPPORTED; }

}  // namespace

extern const KernelTable kKernels;
const KernelTable kKernels = {
    SP_TEXT(SP_ISA), kLanes,   &Supported,   &PickConv,        kWindow,      &PickGemv,
    &MaxPool,        &Average, &Elementwise, &ElementwiseFlat, &Interleave,  &Deinterleave,
    &Merge,          &Shuffle, &AveragePool, &Softmax,         &SoftmaxFlat, &Blend,
    &BlendGathered,  &Pick,    &Probe,       &LargestProduct,  &LargestMean};

}  // namespace SP_ISA
}  // namespace sparseprune
