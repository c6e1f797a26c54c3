//! The decoders.

mod gif;
mod jpeg;
mod png;
pub(crate) mod scans;
mod webp;

use crate::grid::Grid;
use crate::orientation::Orientation;
use crate::pixels::Pixels;
use crate::{Format, Reason};

/// A decoded picture.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) source: Source,
    /// The size of the file's picture, before it is oriented.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    /// The ICC profile of the pixels.
    pub(crate) profile: Option<Vec<u8>>,
}

/// Its pixels, at a size of the decoder's choice.
#[derive(Debug)]
pub(crate) enum Source {
    Grid(Grid),
    /// A whole picture without alpha.
    Pixels(Pixels),
}

impl Source {
    /// The pixels of a picture of `width` by `height`, scaled to another size.
    pub(crate) fn resized(
        self,
        width: u32,
        height: u32,
        to_width: u32,
        to_height: u32,
    ) -> Result<Pixels, Reason> {
        match self {
            Self::Grid(grid) => grid.resized(to_width, to_height),
            Self::Pixels(pixels) => {
                // A scaled picture may have a part of a pixel more than the scaled size.
                let scale = |side: u32, full: u32, longer: u32, longer_full: u32| {
                    let exact = f64::from(full) * f64::from(longer) / f64::from(longer_full);
                    exact.min(f64::from(side))
                };
                let part = if width >= height {
                    let height = scale(pixels.height, height, pixels.width, width);
                    (f64::from(pixels.width), height)
                } else {
                    let width = scale(pixels.width, width, pixels.height, height);
                    (width, f64::from(pixels.height))
                };
                pixels.resized(part, to_width, to_height)
            }
        }
    }
}

pub(crate) fn decode(format: Format, file: &[u8]) -> Result<Decoded, Reason> {
    match format {
        Format::Jpeg => jpeg::decode(file),
        Format::Png => png::decode(file),
        Format::WebP => webp::decode(file),
        Format::Gif => gif::decode(file),
    }
}
