/// Something that is done to one file of a stopped broker.
struct DamageCase: Sendable {
    enum Kind: String, Sendable {
        case sealedSegment = "sealed segment"
        case activeSegment = "active segment"
        case index = "index file"
        case identity = "identity"
        case directory = "directory"
    }

    var kind: Kind
    var what: String
    /// Path in the store.
    var file: String
    var damage: @Sendable (StoreFile) throws -> Void

    var name: String { "\(self.kind.rawValue): \(self.what)" }

    private static let block = 4_096

    static func all(segmentBytes: Int) -> [DamageCase] {
        func segment(_ number: Int) -> String {
            "commitlog/" + "\(number * segmentBytes)".leftPadded(to: 20, with: "0")
        }
        func index(_ number: Int) -> String {
            "index/" + "\(number * segmentBytes)".leftPadded(to: 20, with: "0") + ".index"
        }
        // A log without its first segment looks like one that retention has shortened.
        let first = self.segment(.sealedSegment, segment(0)).filter {
            !$0.what.hasPrefix("deleted")
        }
        return first + self.segment(.sealedSegment, segment(1))
            + self.segment(.activeSegment, segment(2)) + self.index(index(0))
            + self.index(index(1)) + self.identity + self.directories(segment(1), segment(2))
    }

    private static func segment(_ kind: Kind, _ file: String) -> [DamageCase] {
        let number = file.suffix(9)
        func make(
            _ what: String, _ damage: @escaping @Sendable (StoreFile) throws -> Void
        ) -> DamageCase {
            DamageCase(kind: kind, what: "\(what) (\(number))", file: file, damage: damage)
        }
        /// The batch in the middle, and the last one.
        @Sendable func middle(_ file: StoreFile) throws -> Int {
            let batches = try file.batches()
            return batches[batches.count / 2]
        }
        @Sendable func last(_ file: StoreFile) throws -> Int { try file.batches().last ?? 0 }
        return [
            make("a bit of the first header") { try $0.flip(at: 9) },
            make("a bit of the opening snapshot") { try $0.flip(at: 60) },
            make("a bit of a header in the middle") { try $0.flip(at: middle($0) + 1) },
            make("a bit of a length in the middle") { try $0.flip(at: middle($0) + 9) },
            make("a high bit of a length in the middle") { try $0.flip(at: middle($0) + 8) },
            make("a bit of a position in the middle") { try $0.flip(at: middle($0) + 20) },
            make("a bit of a message in the middle") { try $0.flip(at: middle($0) + 180) },
            make("a bit of the last header") { try $0.flip(at: last($0) + 9) },
            make("a bit of the last message") { try $0.flip(at: last($0) + 180) },
            make("a bit behind the end") { try $0.flip(at: $0.contentEnd() + 64) },
            make("zeroes at the start") { try $0.overwrite(0..<Self.block, with: 0) },
            make("zeroes in the middle") { file in
                let at = try middle(file)
                try file.overwrite(at..<(at + Self.block), with: 0)
            },
            make("zeroes over the last batch") { file in
                try file.overwrite(last(file)..<file.contentEnd(), with: 0)
            },
            make("the last half zeroed") { file in
                let end = try file.contentEnd()
                try file.overwrite((end / 2)..<end, with: 0)
            },
            make("a batch copied over another") { file in
                let batches = try file.batches()
                let at = batches[batches.count / 3]
                try file.copy(at..<(at + Self.block), to: middle(file))
            },
            make("cut in the middle") { try $0.truncate(to: middle($0) + 100) },
            make("cut in the last batch") { try $0.truncate(to: last($0) + 100) },
            make("cut at the last batch") { try $0.truncate(to: last($0)) },
            make("cut to nothing") { try $0.truncate(to: 0) },
            make("deleted") { try $0.delete() },
        ]
    }

    private static func index(_ file: String) -> [DamageCase] {
        let number = file.dropLast(6).suffix(9)
        func make(
            _ what: String, _ damage: @escaping @Sendable (StoreFile) throws -> Void
        ) -> DamageCase {
            DamageCase(kind: .index, what: "\(what) (\(number))", file: file, damage: damage)
        }
        return [
            make("a bit of the header") { try $0.flip(at: 20) },
            make("a bit of the directory") { try $0.flip(at: 80) },
            make("a bit of an entry") { try $0.flip(at: $0.bytes / 3) },
            make("a bit of a key") { try $0.flip(at: $0.bytes - 10) },
            make("zeroes at the start") { try $0.overwrite(0..<64, with: 0) },
            make("zeroes in the middle") { file in
                try file.overwrite((file.bytes / 2)..<(file.bytes / 2 + 64), with: 0)
            },
            make("cut in half") { try $0.truncate(to: $0.bytes / 2) },
            make("cut to nothing") { try $0.truncate(to: 0) },
            make("longer than it should be") { file in
                try file.overwrite(file.bytes..<(file.bytes + 100), with: 7)
            },
            make("deleted") { try $0.delete() },
        ]
    }

    private static var identity: [DamageCase] {
        func make(
            _ what: String, _ damage: @escaping @Sendable (StoreFile) throws -> Void
        ) -> DamageCase {
            DamageCase(kind: .identity, what: what, file: "log-identity", damage: damage)
        }
        return [
            make("a bit of the log's number") { try $0.flip(at: 10) },
            make("a bit of the segment size") { try $0.flip(at: 20) },
            make("a bit of the checksum") { try $0.flip(at: 26) },
            make("zeroed") { try $0.overwrite(0..<$0.bytes, with: 0) },
            make("cut to nothing") { try $0.truncate(to: 0) },
            make("longer than it should be") { try $0.overwrite(28..<40, with: 7) },
            make("deleted") { try $0.delete() },
        ]
    }

    private static func directories(_ middle: String, _ last: String) -> [DamageCase] {
        func make(
            _ what: String, _ file: String, _ damage: @escaping @Sendable (StoreFile) throws -> Void
        ) -> DamageCase {
            DamageCase(kind: .directory, what: what, file: file, damage: damage)
        }
        return [
            make("a foreign file among the segments", "commitlog/notes.txt") {
                try SmallFile.write("not a segment", to: $0.path)
            },
            make("what a crash leaves among the segments", "\(last).tmp") {
                try SmallFile.write("half", to: $0.path)
            },
            make("a foreign file among the indexes", "index/notes.txt") {
                try SmallFile.write("not an index", to: $0.path)
            },
            make("bytes in the lock", "lock") { try SmallFile.write("bytes", to: $0.path) },
            make("no lock", "lock") { try $0.delete() },
        ]
    }
}
