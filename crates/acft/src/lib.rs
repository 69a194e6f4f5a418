//! acft
