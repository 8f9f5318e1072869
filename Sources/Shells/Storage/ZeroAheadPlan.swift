/// Decides what space is prepared next, so that flushes need no metadata.
///
/// All numbers are relative to the active segment's start.
struct ZeroAheadPlan: Sendable {
    enum Work: Hashable, Sendable {
        case zeroActive(Range<Int>)
        case makeSpare
        case zeroSpare(Range<Int>)
        /// Nothing until the writer has come this far.
        case wait(until: Int)
    }

    let segmentBytes: Int
    let aheadBytes: Int
    let chunkBytes: Int

    /// `spareZeroed` is nil while there is no spare.
    func next(written: Int, activeZeroed: Int, spareZeroed: Int?) -> Work {
        let activeTarget = min(self.segmentBytes, written + self.aheadBytes)
        if activeZeroed < activeTarget {
            return .zeroActive(self.chunk(from: activeZeroed))
        }
        let half = self.segmentBytes / 2
        guard written > half else {
            return .wait(until: min(half + 1, self.activeWake(activeZeroed)))
        }
        guard let spareZeroed else { return .makeSpare }
        // As fast as the writer fills the second half, so that both are done together.
        let spareTarget = min(self.segmentBytes, 2 * (written - half) + self.chunkBytes)
        if spareZeroed < spareTarget { return .zeroSpare(self.chunk(from: spareZeroed)) }
        let spareWake =
            spareZeroed < self.segmentBytes
            ? half + 1 + (spareZeroed - self.chunkBytes) / 2 : Int.max
        return .wait(until: min(spareWake, self.activeWake(activeZeroed)))
    }

    private func activeWake(_ zeroed: Int) -> Int {
        zeroed < self.segmentBytes ? zeroed - self.aheadBytes + 1 : Int.max
    }

    /// Up to the next multiple of the chunk size: writes of zeroes end on block borders.
    private func chunk(from start: Int) -> Range<Int> {
        start..<min(self.segmentBytes, (start / self.chunkBytes + 1) * self.chunkBytes)
    }
}
