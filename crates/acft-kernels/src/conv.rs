//! Convolution as products of small matrices.
//!
//! Sixteen images lie side by side, so that what a window reads of them is a vector for every tap and channel,
//! wherever the window is: nothing is packed or padded, a stride or dilation is an offset, and taps that fall
//! outside the image are left out of the sum. Forward and backward-data are products of weights with such vectors
//! ([`product`], planned by [`plan`] from what [`reach`] finds); backward-weights is a product of such vectors
//! with the output's gradient ([`gradient`], for [`weights`]). Where windows of 3 × 3 or 5 × 5 overlap much ([`choice`]), all three go
//! through Winograd's transforms ([`winograd`]), which need a quarter to a half of the products.

mod choice;
mod data;
mod forward;
mod gradient;
mod method;
mod plan;
mod product;
mod reach;
mod weights;
mod winograd;
mod winograd_weights;

pub use data::{conv2d_backward_data, conv2d_backward_data_of};
pub(crate) use forward::axes;
pub use forward::{Convolution, conv2d, conv2d_into};
pub(crate) use gradient::{Factor, Gradient, OutputGradient, Products, Total};
pub(crate) use plan::{Columns, Plan, Source};
pub(crate) use product::Epilogue;
pub(crate) use reach::{Axis, Reach};
pub use weights::{conv2d_backward_weights, conv2d_backward_weights_of};
