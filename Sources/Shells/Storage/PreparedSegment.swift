import MessageFormat

/// A segment whose space is reserved and zeroed piece by piece before it is written.
struct PreparedSegment: Sendable {
    let base: PhysicalOffset
    let file: OpenFile
    /// Everything before this is reserved, and zero where no batch was written.
    private(set) var zeroed: Int

    /// What the file has behind `written` counts as ready when its blocks are really there: a copy
    /// may be sparse.
    init(base: PhysicalOffset, file: OpenFile, written: Int) throws(StorageError) {
        self.base = base
        self.file = file
        self.zeroed = written
        let bytes = try file.status().bytes
        do throws(StorageError) {
            try self.reserve(upTo: bytes)
        } catch {
            guard error.isNoSpace else { throw error }
        }
    }

    /// Reserves `range`, which follows what is ready, and fills it with zeroes.
    mutating func zero(_ range: Range<Int>) throws(StorageError) {
        do throws(StorageError) {
            try self.file.reserve(range)
            var offset = range.lowerBound
            while offset < range.upperBound {
                let count = min(Zeroes.count, range.upperBound - offset)
                try self.file.write(Zeroes.bytes(count), at: offset)
                offset += count
            }
        } catch {
            throw error.orNoSpace(bytesNeeded: range.count)
        }
        self.zeroed = range.upperBound
    }

    /// Reserves up to `end` without writing: blocks that are reserved read as zeroes.
    mutating func reserve(upTo end: Int) throws(StorageError) {
        guard end > self.zeroed else { return }
        try self.file.reserve(self.zeroed..<end)
        self.zeroed = end
    }
}

/// A block of zeroes that everybody shares.
private enum Zeroes {
    static let count = 1 << 20
    private static let memory: Block = Block()

    private final class Block: @unchecked Sendable {
        // Never written after `init`, never freed.
        let bytes: UnsafeRawBufferPointer

        init() {
            let bytes = UnsafeMutableRawBufferPointer.allocate(
                byteCount: Zeroes.count, alignment: 4096)
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            self.bytes = UnsafeRawBufferPointer(bytes)
        }
    }

    static func bytes(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self.memory.bytes[..<count])
    }
}
