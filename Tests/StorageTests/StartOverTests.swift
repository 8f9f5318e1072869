import Foundation
import MessageFormat
import Testing

@testable import Storage

@Suite("A log that makes room for another one")
struct StartOverTests {
    private static let base = PhysicalOffset(5 * 32 << 10)

    private func expectNewLog(_ store: LogStore) throws {
        #expect(store.logID == 77)
        #expect(store.segmentBytes == 32 << 10)
        #expect(store.segmentBases == [Self.base])
        #expect(try Directory.names(in: store.paths.index) == [])
        #expect(try store.recover() == Self.base)
        let writer = try StoreWriter.start(store) { _ in }
        defer { writer.stop() }
        try write([100], from: Self.base, with: writer, logID: 77)
    }

    @Test("another identity, another segment size, another start; the lock stays")
    func startsOver() throws {
        let log = TestLog()
        try log.fillRolling([40_000, 40_000, 40_000])
        let old = try log.open()
        try old.recover()
        try old.writeIndex(.zero, image: [1, 2, 3])
        let new = try old.startOver(logID: 77, segmentBytes: 32 << 10, at: Self.base)
        #expect(throws: StorageError.locked(path: new.paths.lock)) { try log.open() }
        try self.expectNewLog(new)
        new.close()

        let again = try log.open()
        defer { again.close() }
        #expect(again.logID == 77)
        #expect(try again.recover() > Self.base)
    }

    @Test("not while somebody writes, and not to a place where no segment can start")
    func refused() throws {
        let log = TestLog()
        try log.withStore { store in
            let end = try store.recover()
            let writer = try StoreWriter.start(store) { _ in }
            try write([10], from: end, with: writer, logID: store.logID)
            #expect(throws: StorageError.alreadyWriting(directory: log.path)) {
                try store.startOver(logID: 77, segmentBytes: 32 << 10, at: Self.base)
            }
            writer.stop()
            for (size, base) in [(32 << 10, PhysicalOffset(100)), (1_000, .zero), (0, .zero)] {
                #expect(throws: StorageError.self) {
                    try store.startOver(logID: 77, segmentBytes: size, at: base)
                }
            }
            #expect(try store.recover() > end, "nothing was lost by it")
        }
    }

    /// Method: every state of the directory that a power cut can leave is made by hand, after the
    /// announcement with some of the steps done.
    @Test("a crash at any instant after the announcement: the next start finishes it")
    func interrupted() throws {
        for step in 0...5 {
            let log = TestLog()
            try log.fillRolling([40_000, 40_000, 40_000])
            let identity = LogIdentity(logID: 77, segmentBytes: 32 << 10)
            try log.withStore { store in
                try store.writeIndex(.zero, image: [1, 2, 3])
                let change = try StartOver(identity: identity, base: Self.base)
                try change.announce(in: store.paths)
                if step >= 1 { try Directory.delete(store.paths.index(.zero)) }
                if step >= 2 { try Directory.delete(store.paths.segment(store.segmentBases[2])) }
                if step >= 3 {
                    for base in store.segmentBases {
                        try Directory.delete(store.paths.segment(base))
                    }
                }
                if step >= 4 { _ = try OpenFile(store.paths.segment(Self.base), .create) }
                if step >= 5 {
                    try Directory.replace(
                        LogIdentity.fileName, in: store.paths.root, with: identity.encoded)
                }
            }
            let store = try log.open()
            defer { store.close() }
            try self.expectNewLog(store)
            #expect(!Directory.exists("\(log.path)/\(StartOver.fileName)"), "step \(step)")
        }
    }

    @Test("before the announcement nothing has happened; a damaged one stops the start")
    func damagedAnnouncement() throws {
        let log = TestLog()
        try log.fill([10])
        let path = "\(log.path)/\(StartOver.fileName)"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path + Directory.temporarySuffix))
        let end = try log.withStore { try $0.recover() }
        #expect(end > .zero)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
        #expect(throws: StorageError.self) { try log.open() }
    }
}

@Suite("What a broker writes down about its group")
struct LogCheckpointTests {
    @Test("what was written last is read, also after a restart")
    func roundTrip() throws {
        let log = TestLog()
        var checkpoint = LogCheckpoint(
            logID: 9, confirmed: PhysicalOffset(4_711), masterEpoch: Epoch(3))
        try log.withStore { store in
            #expect(try store.readCheckpoint() == nil)
            try store.writeCheckpoint(checkpoint)
            checkpoint.masterEpoch = Epoch(4)
            try store.writeCheckpoint(checkpoint)
        }
        let read = try log.withStore { try $0.readCheckpoint() }
        #expect(read == checkpoint)
    }

    @Test("a damaged checkpoint says nothing")
    func damaged() throws {
        let log = TestLog()
        let checkpoint = LogCheckpoint(logID: 9, confirmed: .zero, masterEpoch: Epoch(3))
        for at in checkpoint.encoded.indices {
            var bytes = checkpoint.encoded
            bytes[at] ^= 4
            try log.withStore { store in
                let path = "\(log.path)/\(LogCheckpoint.fileName)"
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                #expect(try store.readCheckpoint() == nil)
            }
        }
    }
}
