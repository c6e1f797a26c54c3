//! Averages squares of pixels while a picture is decoded, in whatever order its rows arrive.
//!
//! A cell is the average of `factor` by `factor` pixels; those at the right and lower edge have
//! fewer. The factor leaves at least twice the size of the preview, so that the filter that follows
//! determines the quality.
//!
//! A sum fits 32 bits: with the limits of the crate a cell has at most 65,536 pixels, and a pixel
//! adds at most 255 * 255.

use crate::pixels::Pixels;
use crate::{MAX_PIXELS, Reason, SIDE};

/// The largest number of cells along the longer side is less than twice this.
const CELLS: u32 = 2 * SIDE;

/// The sums of the cells.
#[derive(Debug)]
pub(crate) struct Grid {
    width: u32,
    height: u32,
    factor: u32,
    columns: usize,
    channels: usize,
    sums: Vec<u32>,
}

impl Grid {
    /// An empty grid for a picture of this size, with 1 to 4 `channels` as in [`Pixels`].
    pub(crate) fn new(width: u32, height: u32, channels: usize) -> Self {
        let factor = (width.max(height) / CELLS).max(1);
        let columns = width.div_ceil(factor) as usize;
        let rows = height.div_ceil(factor) as usize;
        Self {
            width,
            height,
            factor,
            columns,
            channels,
            sums: vec![0; columns * rows * channels],
        }
    }

    /// Adds pixels of row `y`: those in the columns `x`, `x + step`, and so on.
    pub(crate) fn add(&mut self, y: u32, x: u32, step: u32, pixels: &[u8]) {
        if y >= self.height {
            return;
        }
        let start = (y / self.factor) as usize * self.columns * self.channels;
        let Some(row) = self
            .sums
            .get_mut(start..start + self.columns * self.channels)
        else {
            return;
        };
        let (factor, width) = (self.factor, self.width);
        let from = Columns {
            x,
            step,
            factor,
            width,
        };
        match self.channels {
            1 => add::<1>(row, from, pixels, |pixel| pixel.map(u32::from)),
            2 => add::<2>(row, from, pixels, multiplied),
            3 => add::<3>(row, from, pixels, |pixel| pixel.map(u32::from)),
            _ => add::<4>(row, from, pixels, multiplied),
        }
    }

    /// The picture, scaled to another size.
    pub(crate) fn resized(self, to_width: u32, to_height: u32) -> Result<Pixels, Reason> {
        let factor = f64::from(self.factor);
        let part = (
            f64::from(self.width) / factor,
            f64::from(self.height) / factor,
        );
        self.averages().resized(part, to_width, to_height)
    }

    fn averages(self) -> Pixels {
        let (factor, width, height) = (self.factor, self.width, self.height);
        // The length of the cell at `index` along a side of the picture.
        let cell = |index: u32, side: u32| factor.min(side - index * factor);
        let has_alpha = self.channels.is_multiple_of(2);
        let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
        let mut data = Vec::with_capacity(self.sums.len());
        let mut sums = self.sums.chunks_exact(self.channels);
        for y in 0..rows {
            for x in 0..columns {
                let count = cell(x, width) * cell(y, height);
                let Some(sums) = sums.next() else { break };
                for (channel, sum) in sums.iter().enumerate() {
                    let colour = has_alpha && channel + 1 < self.channels;
                    let weight = u64::from(count) * if colour { 255 } else { 1 };
                    let average = (u64::from(*sum) + weight / 2) / weight.max(1);
                    data.push(u8::try_from(average).unwrap_or(255));
                }
            }
        }
        Pixels {
            width: columns,
            height: rows,
            channels: self.channels,
            data,
        }
    }
}

/// Which columns pixels belong to.
#[derive(Clone, Copy)]
struct Columns {
    x: u32,
    step: u32,
    factor: u32,
    width: u32,
}

fn add<const N: usize>(
    row: &mut [u32],
    Columns {
        x,
        step,
        factor,
        width,
    }: Columns,
    pixels: &[u8],
    weigh: impl Fn([u8; N]) -> [u32; N],
) {
    let (row, _) = row.as_chunks_mut::<N>();
    let (pixels, _) = pixels.as_chunks::<N>();
    if step == 1 && x == 0 {
        let pixels = pixels.get(..width as usize).unwrap_or(pixels);
        for (cell, pixels) in row.iter_mut().zip(pixels.chunks(factor as usize)) {
            for pixel in pixels {
                for (sum, value) in cell.iter_mut().zip(weigh(*pixel)) {
                    *sum += value;
                }
            }
        }
        return;
    }
    for (column, pixel) in (x..width).step_by(step as usize).zip(pixels) {
        if let Some(cell) = row.get_mut((column / factor) as usize) {
            for (sum, value) in cell.iter_mut().zip(weigh(*pixel)) {
                *sum += value;
            }
        }
    }
}

/// A pixel whose colours are multiplied by its alpha, the last channel.
fn multiplied<const N: usize>(pixel: [u8; N]) -> [u32; N] {
    let alpha = u32::from(pixel[N - 1]);
    let mut product = pixel.map(|value| u32::from(value) * alpha);
    product[N - 1] = alpha;
    product
}

/// A picture without rows of its own, such as a decoded WebP.
pub(crate) fn of_rows(width: u32, height: u32, channels: usize, data: &[u8]) -> Grid {
    debug_assert!(u64::from(width) * u64::from(height) <= MAX_PIXELS);
    let mut grid = Grid::new(width, height, channels);
    for (y, row) in (0..height).zip(data.chunks_exact(width as usize * channels)) {
        grid.add(y, 0, 1, row);
    }
    grid
}
