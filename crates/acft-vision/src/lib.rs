//! acft-vision
