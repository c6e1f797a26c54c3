//! The first frame of a GIF, on the canvas of the file.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::{Decoded, Source};
use crate::grid::Grid;
use crate::orientation::Orientation;
use crate::{MAX_PIXELS, Reason, check_size};

pub(crate) fn decode(file: &[u8]) -> Result<Decoded, Reason> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.check_frame_consistency(true);
    if let Some(limit) = NonZeroU64::new(MAX_PIXELS) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(file).map_err(Reason::broken)?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    check_size(width, height)?;
    let frame = decoder.next_frame_info().map_err(Reason::broken)?;
    let frame = frame.ok_or_else(|| Reason::broken("no frame"))?;
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let row = usize::from(frame.width);
    let transparent = frame.transparent;
    let mut indices = vec![0; decoder.buffer_size()];
    decoder
        .read_into_buffer(&mut indices)
        .map_err(Reason::broken)?;
    let palette = decoder.palette().map_err(Reason::broken)?;
    let colours: Vec<[u8; 4]> = (0..=255)
        .map(
            |index| match palette.as_chunks::<3>().0.get(usize::from(index)) {
                Some([r, g, b]) if transparent != Some(index) => [*r, *g, *b, 255],
                _ => [0; 4],
            },
        )
        .collect();
    let mut grid = Grid::new(width, height, 4);
    let mut pixels = Vec::with_capacity(row * 4);
    for (y, indices) in (top..).zip(indices.chunks_exact(row.max(1))) {
        pixels.clear();
        for index in indices {
            pixels.extend_from_slice(colours.get(usize::from(*index)).unwrap_or(&[0; 4]));
        }
        grid.add(y, left, 1, &pixels);
    }
    Ok(Decoded {
        source: Source::Grid(grid),
        width,
        height,
        orientation: Orientation::default(),
        profile: decoder.icc_profile().map(<[u8]>::to_vec),
    })
}
