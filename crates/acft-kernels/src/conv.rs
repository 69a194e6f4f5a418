//! Convolution by implicit matrix products.
//!
//! Forward and backward-data are products of packed weights with panels of a zero-padded image
//! ([`product`], planned by [`forward`] and [`data`]); backward-weights is a product of the output's gradient
//! with panels of a padded, channels-last image ([`weights`]). Strides are taken apart into phases ([`crate::padded`]),
//! so that the inner loops only ever see stride 1.

mod data;
mod forward;
mod product;
mod weights;

pub use data::conv2d_backward_data;
pub use forward::conv2d;
pub use weights::conv2d_backward_weights;
