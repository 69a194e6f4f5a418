//! The operations on tensors that track gradients.
//!
//! They are written for automatic differentiation over the plain CPU backend
//! and nothing else, so that a second derivative, for which there are no
//! kernels, cannot even be asked for.

use std::sync::Arc;

use acft_kernels::Activation;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};

use super::kernels::{self, Dense, KernelOps, Norm, Pool, Window};
use super::{gradients, tensors};

impl<C: CheckpointStrategy> KernelOps for Autodiff<Flex, C> {
    fn fused_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        window: Window,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        match ConvBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&weight)];
                let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
                let y = Flex::fused_conv2d(x, weight, bias, window, activation);
                let rectified = kept_behind_relu(&y, activation);
                prep.finish((Layer { inputs, rectified }, window), y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
                prep.finish(Flex::fused_conv2d(x, weight, bias, window, activation))
            }
        }
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        dense: Dense,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        match LinearBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&weight)];
                let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
                let y = Flex::fused_linear(x, weight, bias, dense);
                let rectified = kept_behind_relu(&y, dense.activation);
                prep.finish((Layer { inputs, rectified }, dense), y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
                prep.finish(Flex::fused_linear(x, weight, bias, dense))
            }
        }
    }

    fn fused_max_pool2d(x: FloatTensor<Self>, pool: Pool) -> FloatTensor<Self> {
        match PoolBackward
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let x = x.into_primitive();
                let input = tensors::dims(&x);
                let (y, taps) = kernels::max_pool2d_with_taps(x, pool);
                let pooled = Pooled {
                    input,
                    pool,
                    taps: taps.into(),
                };
                prep.finish(pooled, y)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(Flex::fused_max_pool2d(x.into_primitive(), pool))
            }
        }
    }

    fn fused_adaptive_avg_pool2d(x: FloatTensor<Self>, size: usize) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        let input = tensors::dims(&x);
        let y = Flex::fused_adaptive_avg_pool2d(x, size);
        match AdaptiveBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((input, size), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_side_by_side(
        x: FloatTensor<Self>,
        first_weight: FloatTensor<Self>,
        first_bias: FloatTensor<Self>,
        second_weight: FloatTensor<Self>,
        second_bias: FloatTensor<Self>,
        windows: [Window; 2],
        activation: Activation,
    ) -> FloatTensor<Self> {
        let inputs = [x, first_weight, first_bias, second_weight, second_bias];
        let nodes = [0, 1, 2, 3, 4].map(|i| inputs[i].node());
        let forward = |[x, v, a, w, b]: [FloatTensor<Self>; 5]| {
            let [x, v, a, w, b] = [x, v, a, w, b].map(|t| t.into_primitive());
            Flex::fused_side_by_side(x, v, a, w, b, windows, activation)
        };
        match SideBySideBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let kept = [0, 1, 3].map(|i| prep.checkpoint(&inputs[i]));
                let y = forward(inputs);
                let rectified = kept_behind_relu(&y, activation);
                prep.finish((kept, rectified, windows), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(forward(inputs)),
        }
    }

    fn batch_statistics(x: FloatTensor<Self>, norm: Norm) -> FloatTensor<Self> {
        FloatTensor::<Self>::new(Flex::batch_statistics(x.into_primitive(), norm))
    }

    fn fused_batch_norm(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        norm: Norm,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let statistics = statistics.into_primitive();
        match NormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [&x, &weight, &bias].map(|t| prep.checkpoint(t));
                let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
                let y =
                    Flex::fused_batch_norm(x, statistics.clone(), weight, bias, norm, activation);
                prep.finish((inputs, statistics, (norm, activation)), y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, weight, bias] = [x, weight, bias].map(|t| t.into_primitive());
                let y = Flex::fused_batch_norm(x, statistics, weight, bias, norm, activation);
                prep.finish(y)
            }
        }
    }

    fn fused_add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let y = Flex::fused_add_relu(a.into_primitive(), b.into_primitive());
        match AddBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(y.clone(), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn to_bf16(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = x.node();
        let x = x.into_primitive();
        let [_, channels, ..] = tensors::dims::<4>(&x);
        let y = Flex::to_bf16(x);
        match RoundBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(channels, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn to_f32(x: FloatTensor<Self>, channels: usize) -> FloatTensor<Self> {
        let node = x.node();
        let y = Flex::to_f32(x.into_primitive(), channels);
        match WidenBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn fused_mask(x: FloatTensor<Self>, mask: FloatTensor<Self>) -> FloatTensor<Self> {
        let (node, mask) = (x.node(), mask.into_primitive());
        let y = Flex::fused_mask(x.into_primitive(), mask.clone());
        match MaskBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(mask, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}

/// What the gradients of a convolution or a fully connected layer need.
#[derive(Clone, Debug)]
struct Layer {
    /// The nodes of the input and the weights.
    inputs: [NodeId; 2],
    /// The output, if a ReLU follows.
    rectified: Option<FlexTensor>,
}

/// The output of a layer, if its gradient needs it: behind a ReLU.
fn kept_behind_relu(y: &FlexTensor, activation: Activation) -> Option<FlexTensor> {
    (activation == Activation::Relu).then(|| y.clone())
}

#[derive(Debug)]
struct ConvBackward;

impl Backward<Flex, 3> for ConvBackward {
    type State = (Layer, Window);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (Layer { inputs, rectified }, window) = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let [x, weight] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let wanted = parents.map(|parent| parent.is_some());
        let found = gradients::conv2d_gradients([x, weight, dy], rectified, window, wanted);
        register(parents, found, grads);
    }
}

#[derive(Debug)]
struct LinearBackward;

impl Backward<Flex, 3> for LinearBackward {
    type State = (Layer, Dense);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (Layer { inputs, rectified }, dense) = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let [x, weight] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let wanted = parents.map(|parent| parent.is_some());
        let found = gradients::linear_gradients([x, weight, dy], rectified, dense, wanted);
        register(parents, found, grads);
    }
}

/// What the gradient of a max-pool needs: not its input, only who won.
#[derive(Clone, Debug)]
struct Pooled {
    input: [usize; 4],
    pool: Pool,
    taps: Arc<[u8]>,
}

#[derive(Debug)]
struct PoolBackward;

impl Backward<Flex, 1> for PoolBackward {
    type State = Pooled;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let Pooled { input, pool, taps } = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let dx = gradients::max_pool2d_gradient(dy, input, pool, &taps);
        register(
            ops.parents.map(|p| p.map(|node| node.id)),
            [Some(dx)],
            grads,
        );
    }
}

#[derive(Debug)]
struct AdaptiveBackward;

impl Backward<Flex, 1> for AdaptiveBackward {
    /// The sizes of the input, and the windows along an axis.
    type State = ([usize; 4], usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (input, size) = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let dx = gradients::adaptive_avg_pool2d_gradient(dy, input, size);
        let parents = ops.parents.map(|p| p.map(|node| node.id));
        register(parents, [Some(dx)], grads);
    }
}

#[derive(Debug)]
struct SideBySideBackward;

impl Backward<Flex, 5> for SideBySideBackward {
    /// The nodes of the input and of both weights, the output behind a ReLU, and the windows.
    type State = ([NodeId; 3], Option<FlexTensor>, [Window; 2]);

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (kept, rectified, windows) = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let [x, v, w] = kept.map(|id| checkpointer.retrieve_node_output(id));
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let wanted = parents.map(|parent| parent.is_some());
        let found = gradients::side_by_side_gradients([x, dy], rectified, [v, w], windows, wanted);
        register(parents, found, grads);
    }
}

#[derive(Debug)]
struct NormBackward;

impl Backward<Flex, 3> for NormBackward {
    /// The nodes of input, weights and bias, the statistics, and what was done.
    type State = ([NodeId; 3], FlexTensor, (Norm, Activation));

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (inputs, statistics, kind) = ops.state;
        let dy = grads.consume::<Flex>(&ops.node);
        let [x, weight, bias] = inputs.map(|id| checkpointer.retrieve_node_output(id));
        let tensors = [x, weight, bias, dy];
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        let wanted = parents.map(|parent| parent.is_some());
        let found = gradients::batch_norm_gradients(tensors, statistics, kind, wanted);
        register(parents, found, grads);
    }
}

#[derive(Debug)]
struct AddBackward;

impl Backward<Flex, 2> for AddBackward {
    /// The output.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let found = gradients::add_relu_gradient(ops.state, dy);
        register(
            ops.parents.map(|p| p.map(|node| node.id)),
            [Some(found.clone()), Some(found)],
            grads,
        );
    }
}

/// Of rounding to bf16, as if nothing had been lost.
#[derive(Debug)]
struct RoundBackward;

impl Backward<Flex, 1> for RoundBackward {
    /// Channels.
    type State = usize;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let parents = ops.parents.map(|p| p.map(|node| node.id));
        register(parents, [Some(Flex::to_f32(dy, ops.state))], grads);
    }
}

/// Of going back to f32: gradients are rounded as images are.
#[derive(Debug)]
struct WidenBackward;

impl Backward<Flex, 1> for WidenBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let parents = ops.parents.map(|p| p.map(|node| node.id));
        register(parents, [Some(Flex::to_bf16(dy))], grads);
    }
}

#[derive(Debug)]
struct MaskBackward;

impl Backward<Flex, 1> for MaskBackward {
    /// The mask.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let found = gradients::mask_gradient(ops.state, dy);
        register(
            ops.parents.map(|p| p.map(|node| node.id)),
            [Some(found)],
            grads,
        );
    }
}

/// Hands each gradient to the parent that wants it.
fn register<const N: usize>(
    parents: [Option<NodeId>; N],
    found: [Option<FlexTensor>; N],
    grads: &mut Gradients,
) {
    for (parent, gradient) in parents.into_iter().zip(found) {
        if let (Some(parent), Some(gradient)) = (parent, gradient) {
            grads.register::<Flex>(parent, gradient);
        }
    }
}
