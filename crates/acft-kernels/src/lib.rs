//! acft-kernels
