//! Pixels of 8 bits a channel: gray or RGB, with or without alpha.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{
    FilterType, PixelTrait, PixelType, ResizeAlg, ResizeError, ResizeOptions, Resizer,
};

use crate::Reason;
use crate::orientation::Orientation;

/// A picture in memory. Colours are multiplied by alpha until it is resized.
#[derive(Debug)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha).
    pub(crate) channels: usize,
    pub(crate) data: Vec<u8>,
}

impl Pixels {
    /// The part of `width` by `height` pixels, which may be fractions, scaled to another size.
    /// Colours are then no longer multiplied by alpha.
    pub(crate) fn resized(
        self,
        (width, height): (f64, f64),
        to_width: u32,
        to_height: u32,
    ) -> Result<Self, Reason> {
        let kind = match self.channels {
            1 => PixelType::U8,
            2 => PixelType::U8x2,
            3 => PixelType::U8x3,
            _ => PixelType::U8x4,
        };
        let from =
            ImageRef::new(self.width, self.height, &self.data, kind).map_err(Reason::broken)?;
        let mut to = Image::new(to_width, to_height, kind);
        let size = (width, height);
        match self.channels {
            1 => convolve::<U8>(&from, &mut to, size),
            2 => convolve::<U8x2>(&from, &mut to, size),
            3 => convolve::<U8x3>(&from, &mut to, size),
            _ => convolve::<U8x4>(&from, &mut to, size),
        }
        .map_err(Reason::broken)?;
        let mut data = to.into_vec();
        match self.channels {
            2 => data.as_chunks_mut::<2>().0.iter_mut().for_each(divide),
            4 => data.as_chunks_mut::<4>().0.iter_mut().for_each(divide),
            _ => {}
        }
        Ok(Self {
            width: to_width,
            height: to_height,
            channels: self.channels,
            data,
        })
    }

    /// Turned and mirrored to how it is meant to be seen.
    pub(crate) fn oriented(self, orientation: Orientation) -> Self {
        if orientation == Orientation::default() {
            return self;
        }
        let (width, height) = orientation.size(self.width, self.height);
        let mut data = Vec::with_capacity(self.data.len());
        for y in 0..height {
            for x in 0..width {
                let (from_x, from_y) = orientation.source(x, y, self.width, self.height);
                let at = (from_y as usize * self.width as usize + from_x as usize) * self.channels;
                data.extend_from_slice(self.data.get(at..at + self.channels).unwrap_or_default());
            }
        }
        Self {
            width,
            height,
            data,
            ..self
        }
    }

    /// The same without alpha, if every pixel is opaque.
    pub(crate) fn without_needless_alpha(self) -> Self {
        let colours = match self.channels {
            2 | 4 => self.channels - 1,
            _ => return self,
        };
        let pixels = self.data.chunks_exact(self.channels);
        if pixels.clone().any(|pixel| pixel.last() != Some(&255)) {
            return self;
        }
        let data = pixels
            .flat_map(|pixel| &pixel[..colours])
            .copied()
            .collect();
        Self {
            channels: colours,
            data,
            ..self
        }
    }
}

/// Scales the part of `width` by `height` pixels of `from` to the size of `to`.
///
/// `Resizer::resize` would compile every kind of pixel that the library knows, with every set of
/// instructions, into this crate.
fn convolve<P: PixelTrait>(
    from: &ImageRef<'_>,
    to: &mut Image<'_>,
    (width, height): (f64, f64),
) -> Result<(), ResizeError> {
    let images = from.typed_image::<P>().zip(to.typed_image_mut::<P>());
    let (from, mut to) = images.ok_or(ResizeError::PixelTypesAreDifferent)?;
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(0.0, 0.0, width, height)
        .use_alpha(false);
    Resizer::new().resize_typed(&from, &mut to, &options)
}

/// Divides the colours of a pixel by its alpha, the last channel.
fn divide<const N: usize>(pixel: &mut [u8; N]) {
    let alpha = u32::from(pixel[N - 1]);
    if alpha == 255 {
        return;
    }
    for colour in &mut pixel[..N - 1] {
        let divided = (u32::from(*colour) * 255 + alpha / 2).checked_div(alpha);
        *colour = u8::try_from(divided.unwrap_or(0)).unwrap_or(255);
    }
}
