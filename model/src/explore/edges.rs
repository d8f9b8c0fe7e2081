//! All transitions, in compressed rows.

use super::chunk::Chunk;

/// The transitions of the expanded states, in canonical order of the state they leave.
#[derive(Default)]
pub(super) struct Edges {
    /// Rows of [`ROWS`] adjacent states each; only the last block may have fewer.
    blocks: Vec<Block>,
}

/// The transitions that leave a run of adjacent states.
#[derive(Default)]
pub(super) struct Block {
    /// Where the row of each state ends.
    ends: Vec<u32>,
    to: Vec<u32>,
    labels: Vec<u32>,
}

impl Edges {
    /// Adds the rows of the next states. A chunk never crosses a multiple of [`ROWS`], so they fit into one block.
    pub(super) fn append(&mut self, mut rows: Block) {
        match self.blocks.last_mut().filter(|block| block.ends.len() < ROWS as usize) {
            None => self.blocks.push(rows),
            Some(block) => {
                let offset = block.to.len() as u32;
                block.ends.extend(rows.ends.into_iter().map(|end| offset + end));
                block.to.append(&mut rows.to);
                block.labels.append(&mut rows.labels);
            }
        }
    }

    /// The ends and the labels of the transitions that leave `from`, in the order of its successors.
    #[inline]
    pub(super) fn row(&self, from: u32) -> (&[u32], &[u32]) {
        let block = &self.blocks[(from / ROWS) as usize];
        let row = (from % ROWS) as usize;
        let start = if row == 0 { 0 } else { block.ends[row - 1] as usize };
        let end = block.ends[row] as usize;
        (&block.to[start..end], &block.labels[start..end])
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.to.len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        let words = |block: &Block| block.ends.capacity() + block.to.capacity() + block.labels.capacity();
        self.blocks.iter().map(words).sum::<usize>() * size_of::<u32>() + self.blocks.capacity() * size_of::<Block>()
    }
}

impl<S> Chunk<S> {
    /// The transitions of this chunk, `resolved` giving the id behind each candidate, shard by shard.
    pub(super) fn edges<'a>(&self, resolved: impl Iterator<Item = &'a [u32]>, final_id: impl Fn(u32) -> u32) -> Block {
        let mut to = vec![0; self.parents.len()];
        for (positions, ids) in self.by_shard.iter().zip(resolved) {
            for (position, id) in positions.iter().zip(ids) {
                to[*position as usize] = final_id(*id);
            }
        }
        let mut ends = Vec::with_capacity(self.sources.len());
        let mut end = 0;
        for source in self.sources.clone() {
            end += self.parents[end..].iter().take_while(|parent| **parent == source).count();
            ends.push(end as u32);
        }
        Block { ends, to, labels: self.labels.clone() }
    }
}

/// States in a block, and in a chunk at most.
pub(super) const ROWS: u32 = 256;
