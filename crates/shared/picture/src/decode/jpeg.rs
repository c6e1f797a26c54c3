//! JPEG, baseline and progressive, decoded at a fraction of its size.

use jpeg_decoder::{CodingProcess, Decoder, Error, PixelFormat};

use super::{Decoded, Source, scans};
use crate::orientation::Orientation;
use crate::pixels::Pixels;
use crate::{Reason, SIDE, check_size, fitted};

pub(crate) fn decode(file: &[u8]) -> Result<Decoded, Reason> {
    scans::check(file)?;
    let mut decoder = Decoder::new(file);
    decoder.read_info().map_err(reason)?;
    let info = decoder.info().ok_or_else(|| Reason::broken("no frame"))?;
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    check_size(width, height)?;
    if info.coding_process == CodingProcess::Lossless {
        return Err(Reason::Unsupported);
    }
    // Half as much again as the preview, so that the filter determines the quality.
    let wanted = |side: u32| u16::try_from(side * 3 / 2).unwrap_or(u16::MAX);
    let (to_width, to_height) = fitted(width, height);
    let longer = to_width.max(to_height).min(SIDE);
    let (scaled_width, scaled_height) = decoder
        .scale(wanted(longer), wanted(longer))
        .map_err(reason)?;
    let data = decoder.decode().map_err(reason)?;
    let (channels, data, profile) = match info.pixel_format {
        PixelFormat::L8 => (1, data, decoder.icc_profile()),
        PixelFormat::RGB24 => (3, data, decoder.icc_profile()),
        // The profile describes inks, which the preview no longer has.
        PixelFormat::CMYK32 => (3, without_inks(&data), None),
        PixelFormat::L16 => return Err(Reason::Unsupported),
    };
    let orientation = decoder.exif_data().map(Orientation::of_exif);
    Ok(Decoded {
        source: Source::Pixels(Pixels {
            width: u32::from(scaled_width),
            height: u32::from(scaled_height),
            channels,
            data,
        }),
        width,
        height,
        orientation: orientation.unwrap_or_default(),
        profile,
    })
}

/// Converts CMYK to RGB. The value 255 means that an ink is absent.
fn without_inks(data: &[u8]) -> Vec<u8> {
    let (pixels, _) = data.as_chunks::<4>();
    pixels
        .iter()
        .flat_map(|[c, m, y, k]| {
            [c, m, y].map(|ink| {
                let light = u16::from(255 - *ink) * u16::from(255 - *k);
                u8::try_from((light + 127) / 255).unwrap_or(255)
            })
        })
        .collect()
}

fn reason(error: Error) -> Reason {
    match error {
        Error::Unsupported(_) => Reason::Unsupported,
        error => Reason::broken(error),
    }
}
