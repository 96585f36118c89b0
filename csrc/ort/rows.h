// Values of rank 4 that are not maps: A x B x C x F, whose A B C rows of features a matrix product
// reads or makes (ConvNeXt, Swin), where a map is N x C x H x W.
#pragma once

#include "ort/source.h"

namespace sparseprune::ort {

// Sets SourceValue::rows. What only sums and activations connect is of one kind, so all of it is
// rows where a matrix product reads or makes a part, unless a convolution or pooling does too.
//
// A region holds a weighted layer, and every value of rank 4 in it is connected so to that layer's.
// So the marks of a region read alone are those of the whole graph.
void MarkRows(SourceGraph& graph);

// Whether nodes of this operation mean the same on rows as on vectors.
bool TakesRows(const SourceGraph& graph, const SourceNode& node);

}  // namespace sparseprune::ort
