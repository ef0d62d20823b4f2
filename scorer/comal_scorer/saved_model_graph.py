"""Which operations a SavedModel may have: those that compute, never those that reach outside.

A graph of TensorFlow's is a program; some of its operations read and write files, open sockets or
call Python. What loading or answering could run is looked at first, by name, and what is not on
the list is refused. The trainer's conversion and the scorer look alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final


class GraphError(ValueError):
    """The graph has what may not be run."""


_STRUCTURE: Final = """
Placeholder PlaceholderWithDefault Const Identity IdentityN NoOp Snapshot StopGradient
PreventGradient CheckNumerics EnsureShape PartitionedCall StatefulPartitionedCall If StatelessIf
While StatelessWhile Case StatelessCase Assert
VarHandleOp ReadVariableOp AssignVariableOp AssignAddVariableOp AssignSubVariableOp
VarIsInitializedOp ResourceGather ResourceGatherNd DestroyResourceOp
MutableHashTableV2 HashTableV2 LookupTableFindV2 LookupTableImportV2 LookupTableSizeV2
LookupTableExportV2 InitializeTableV2
TensorListReserve TensorListStack TensorListFromTensor TensorListGetItem TensorListSetItem
TensorListElementShape TensorListLength
"""
_SHAPES: Final = """
Shape ShapeN Size Rank Reshape Squeeze ExpandDims Transpose Pack Unpack Concat ConcatV2 Split
SplitV Slice StridedSlice Tile Pad PadV2 MirrorPad Reverse ReverseV2 ReverseSequence Gather
GatherV2 GatherNd ScatterNd TensorScatterUpdate TensorScatterAdd Fill ZerosLike OnesLike Range
LinSpace OneHot BroadcastTo BroadcastArgs SpaceToBatchND BatchToSpaceND SpaceToDepth DepthToSpace
Where Select SelectV2 InvertPermutation Diag DiagPart MatrixDiag MatrixDiagV3 MatrixBandPart
TopK TopKV2 Unique UniqueV2 Cast Bitcast Bucketize Cumsum Cumprod DynamicStitch DynamicPartition
RaggedTensorToTensor RaggedRange SequenceMask
"""
_ARITHMETIC: Final = """
Add AddV2 AddN Sub Mul MulNoNan Div DivNoNan RealDiv FloorDiv FloorMod Mod TruncateDiv TruncateMod
Maximum Minimum Pow Sqrt Rsqrt Square SquaredDifference Exp Expm1 Log Log1p Neg Abs Sign Inv
Reciprocal Ceil Floor Round Rint Sin Cos Tan Asin Acos Atan Atan2 Sinh Cosh Tanh Asinh Acosh Atanh
Erf Erfc Erfinv Sigmoid Softplus Softsign Relu Relu6 LeakyRelu Elu Selu Softmax LogSoftmax Xlogy
ClipByValue Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr LogicalNot
IsNan IsInf IsFinite ApproximateEqual BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift
Sum Mean Prod Max Min All Any ArgMax ArgMin SegmentSum SegmentMean UnsortedSegmentSum
UnsortedSegmentMax L2Loss EuclideanNorm Lgamma Digamma
"""
_LAYERS: Final = """
MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum BiasAdd BiasAddV1 Conv1D Conv2D Conv3D
DepthwiseConv2dNative Conv2DBackpropInput Conv3DBackpropInputV2 MaxPool MaxPoolV2 MaxPool3D AvgPool
AvgPool3D FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LRN ResizeBilinear ResizeNearestNeighbor
ResizeBicubic ResizeArea CropAndResize AdjustContrastv2 RGBToHSV HSVToRGB
StatelessRandomUniform StatelessRandomUniformV2 StatelessRandomNormalV2 RandomUniform
RandomStandardNormal XlaSharding
"""
_ALLOWED: Final = frozenset(f"{_STRUCTURE}{_SHAPES}{_ARITHMETIC}{_LAYERS}".split())


def check_graph(saved_model: Any) -> None:
    """Raise GraphError unless all that a parsed SavedModel could run is on the list."""
    if len(saved_model.meta_graphs) != 1:
        raise GraphError(f"it has {len(saved_model.meta_graphs)} graphs; one is served")
    [meta] = saved_model.meta_graphs
    objects = meta.object_graph_def
    if not objects.nodes:
        # Such a graph is run as a whole when it is loaded.
        raise GraphError("it is a SavedModel of TensorFlow 1; export it again with TensorFlow 2")
    library = {one.signature.name: one for one in meta.graph_def.library.function}
    # What restores and saves variables is called by name from no object, and never run.
    for name in _reached(set(objects.concrete_functions), library):
        for node in library[name].node_def:
            if node.op not in _ALLOWED and node.op not in library:
                raise GraphError(
                    f"its operation {node.op!r:.80} is not among those that only compute;"
                    " export the model without it, or serve it by a script"
                )


def _reached(roots: set[str], library: dict[str, Any]) -> Iterator[str]:
    pending, seen = sorted(roots), set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in library:
            raise GraphError(f"its function {name!r:.80} is missing")
        yield name
        for node in library[name].node_def:
            pending += [node.op] if node.op in library else []
            for value in node.attr.values():
                pending += [value.func.name] if value.func.name else []
                pending += [one.name for one in value.list.func]
