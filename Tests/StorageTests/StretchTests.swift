import MessageFormat
import Testing

@testable import Storage

@Suite("Stretches of the log for replicas")
struct StretchTests {
    /// Follows a log as a replica does, and returns the positions and bytes that came.
    private func follow(
        _ store: LogStore, to end: PhysicalOffset, bytesMax: Int
    ) throws -> [(position: PhysicalOffset, bytes: [UInt8])] {
        var pieces: [(position: PhysicalOffset, bytes: [UInt8])] = []
        var position = store.segmentBases[0]
        while position < end {
            let read = try store.readStretch(from: position, end: end, bytesMax: bytesMax)
            if !read.bytes.isEmpty { pieces.append((position, read.bytes)) }
            try #require(read.next > position, "it goes on")
            position = read.next
        }
        #expect(position == end)
        return pieces
    }

    @Test(
        "what a replica copies is the log, byte for byte, over segments and their unused ends",
        arguments: [1, 5_000, 1 << 20])
    func copy(bytesMax: Int) throws {
        let log = TestLog()
        let payloads = (0..<60).map { $0 * 977 % 9_000 + 10 } + [40_000, 20, 50_000]
        try log.fillRolling(payloads)
        try log.withStore { store in
            let end = try store.recover()
            var copied = 0
            for piece in try self.follow(store, to: end, bytesMax: bytesMax) {
                let base = store.base(of: piece.position)
                let offset = piece.position.distance(from: base)
                let stored = try log.segmentBytes(Int(base.bytes))
                #expect(Array(stored[offset..<(offset + piece.bytes.count)]) == piece.bytes)
                #expect(store.base(of: piece.position.advanced(by: piece.bytes.count - 1)) == base)
                copied += piece.bytes.count
            }
            #expect(copied > payloads.reduce(0, +))
            #expect(store.segmentBases.count > 3)
        }
    }

    @Test("a batch longer than asked for comes whole, and alone")
    func longBatch() throws {
        let log = TestLog()
        let starts = try log.fill([20_000, 10])
        try log.withStore { store in
            let end = try store.recover()
            let read = try store.readStretch(from: .zero, end: end, bytesMax: 100)
            #expect(read.next == starts[1])
            #expect(read.bytes.count == starts[1].distance(from: .zero))
        }
    }

    @Test("nothing behind the end is read, also when it is there")
    func end() throws {
        let log = TestLog()
        let starts = try log.fill([100, 100, 100])
        try log.withStore { store in
            try store.recover()
            let read = try store.readStretch(from: .zero, end: starts[2], bytesMax: 1 << 20)
            #expect(read.next == starts[2])
            #expect(throws: StorageError.self) {
                try store.readStretch(from: starts[2], end: starts[2], bytesMax: 1 << 20)
            }
        }
    }

    @Test("a damaged batch is not handed on; what lies before it is")
    func damage() throws {
        let log = TestLog()
        let starts = try log.fill([100, 100, 100])
        var bytes = try log.segmentBytes()
        bytes[starts[1].distance(from: .zero) + 60] ^= 1
        try log.replaceSegment(with: bytes)
        try log.withStore { store in
            let end = starts[2].advanced(by: 16)
            #expect(
                throws: StorageError.damagedBatch(position: starts[1], .wrongChecksum)
            ) { try store.readStretch(from: starts[1], end: end, bytesMax: 1 << 20) }
            #expect(throws: StorageError.damagedBatch(position: starts[1], .wrongChecksum)) {
                try store.readStretch(from: .zero, end: end, bytesMax: 1 << 20)
            }
        }
    }

    @Test("zeroes in the middle of a segment are not taken for its unused end")
    func lostWrite() throws {
        let log = TestLog()
        let starts = try log.fill([100, 100, 100])
        var bytes = try log.segmentBytes()
        let hole = starts[1].distance(from: .zero)..<starts[2].distance(from: .zero)
        bytes.replaceSubrange(hole, with: [UInt8](repeating: 0, count: hole.count))
        try log.replaceSegment(with: bytes)
        try log.withStore { store in
            let end = PhysicalOffset(Int64(store.segmentBytes) + 4_096)
            #expect(throws: StorageError.damagedBatch(position: starts[1], .empty)) {
                try store.readStretch(from: starts[1], end: end, bytesMax: 1 << 20)
            }
        }
    }

    @Test("a position that is no batch's start is refused")
    func wrongPlace() throws {
        let log = TestLog()
        try log.fill([100, 100])
        try log.withStore { store in
            let end = try store.recover()
            #expect(throws: StorageError.self) {
                try store.readStretch(from: PhysicalOffset(16), end: end, bytesMax: 1 << 20)
            }
            #expect(throws: StorageError.self) {
                try store.readStretch(from: PhysicalOffset(-16), end: end, bytesMax: 1 << 20)
            }
        }
    }
}

extension TestLog {
    /// Like `fill`, but a batch that does not fit starts the next segment.
    func fillRolling(_ payloads: [Int]) throws {
        try self.withStore { store in
            var position = try store.recover()
            let writer = try StoreWriter.start(store) { _ in }
            defer { writer.stop() }
            for payload in payloads {
                let count = batch(at: position, logID: store.logID, payload: payload).count
                if store.offsetInSegment(position) + count > store.segmentBytes {
                    position = store.base(of: position).advanced(by: store.segmentBytes)
                }
                try write([payload], from: position, with: writer, logID: store.logID)
                position = position.advanced(by: count)
            }
        }
    }
}
