import ControllerCore
import MessageFormat
import Testing

@Suite("commands and snapshots as bytes")
struct BytesTests {
    static let commands: [ControllerCommand] = [
        claim(1), claim(1 << 20, isReturning: true),
        election(.recovered(above: Epoch(1_009)), epoch: 0, [candidate(3)]),
        election(.recovered(above: Epoch(1_009), keeping: [2, 3]), epoch: 0, [candidate(3)]),
        election(
            .recovered(
                above: Epoch(1_009), keeping: [2, 3],
                basis: RecoveryBasis(confirmed: PhysicalOffset(80), soundMin: 2)), epoch: 0,
            [candidate(2), candidate(3)]),
        registration(2, incarnation: .max), registration(2, code: "code-2"),
        .forgetFounder(.init(group: "g", masterEpoch: Epoch(2), brokerID: 1)),
        alteration([1, 3], setEpoch: .max, dead: [2]),
        election(
            .masterLost(isGone: true), epoch: 5, [candidate(1), candidate(2, isIntact: false)]),
        election(.handover(from: 3), epoch: 5, [], livingMaster: 3),
        election(.designated(2), epoch: 5, []), election(.forced(nil), epoch: 5, []),
        election(.forced(7), epoch: 5, []),
        .clean(.init(group: "g", cluster: "", brokerIDs: [], living: [1], cleansLiving: true)),
        .noteConfirmed(
            .init(group: "g", masterEpoch: Epoch(2), confirmed: PhysicalOffset(.max))),
        .setController(id: "n3", address: "h:1"), .setController(id: "n3", address: nil),
    ]

    @Test("every command is read back as it was written", arguments: commands)
    func roundTrip(command: ControllerCommand) throws {
        #expect(command.problem == nil)
        #expect(try ControllerCommand(parsing: command.encoded) == command)
    }

    @Test("a command that is cut off or goes on is refused", arguments: commands)
    func cutCommands(command: ControllerCommand) {
        let bytes = command.encoded
        for count in bytes.indices {
            #expect(throws: ControllerBytesError.self) {
                try ControllerCommand(parsing: Array(bytes.prefix(count)))
            }
        }
        #expect(throws: ControllerBytesError.self) { try ControllerCommand(parsing: bytes + [0]) }
    }

    @Test("commands of another version are not guessed at")
    func otherVersion() {
        for version in [0, 2, 255] as [UInt8] {
            var bytes = claim(1).encoded
            bytes[0] = version
            #expect(throws: ControllerBytesError.self) { try ControllerCommand(parsing: bytes) }
        }
    }

    @Test("noise is refused or harmless", arguments: 0..<20)
    func noise(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var state = ControllerState.led
        for _ in 0..<500 {
            var bytes = try #require(Self.commands.randomElement(using: &generator)).encoded
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let at = Int.random(in: 1..<bytes.count, using: &generator)
                bytes[at] = UInt8.random(in: 0...255, using: &generator)
            }
            if let command = try? ControllerCommand(parsing: bytes) { _ = state.apply(command) }
        }
        for (_, group) in state.groups { #expect(group.problem == nil, "seed \(seed)") }
        // Whatever became of it can be written down and read again.
        #expect(try ControllerSnapshot.decode(ControllerSnapshot.encode(state)) == state)
    }

    private static var rich: ControllerState {
        var state = ControllerState.led
        state.accept(
            claim(1, of: "h"), .setController(id: "n3", address: "host:9"),
            .noteConfirmed(
                .init(group: "g", masterEpoch: Epoch(1), confirmed: PhysicalOffset(9))))
        return state
    }

    @Test("a snapshot is the state")
    func snapshot() throws {
        var forgotten = ControllerState.fresh
        forgotten.accept(.forgetFounder(.init(group: "g", masterEpoch: Epoch(1), brokerID: 1)))
        var replaced = forgotten
        replaced.accept(claim(1, code: "old", isReturning: true), registration(2, code: "code-2"))
        var recovered = ControllerState.led
        recovered.accept(
            election(
                .recovered(
                    above: Epoch(9), keeping: [2, 3],
                    basis: RecoveryBasis(confirmed: PhysicalOffset(80), soundMin: 2)), epoch: 1,
                [candidate(2), candidate(3)]))
        #expect(recovered.g?.recovery != nil)
        for state in [
            ControllerState(), .led, Self.rich, .fresh, forgotten, replaced, recovered,
        ] {
            let bytes = ControllerSnapshot.encode(state)
            #expect(try ControllerSnapshot.decode(bytes) == state)
            #expect(ControllerSnapshot.encode(try ControllerSnapshot.decode(bytes)) == bytes)
        }
    }

    @Test("snapshots of version 1 say nothing of founders and check codes")
    func oldSnapshot() throws {
        var bytes: [UInt8] = Array("APCS".utf8) + [1, 0, 1]
        for text in ["g", "C"] { bytes += [0, 1] + Array(text.utf8) }
        bytes.append(bigEndian: Int64(2))
        bytes.append(0)
        bytes += [UInt8](repeating: 0, count: 4 + 8 + 2 + 4 + 8 + 4)
        bytes += [0, 1]
        bytes.append(bigEndian: Int64(1))
        bytes += [0, 6] + Array("code-1".utf8) + [0, 0, 0, 0]
        bytes.append(bigEndian: UInt64(0))
        bytes += [0, 0]
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        bytes.append(bigEndian: checksum)
        var state = ControllerState()
        state.accept(claim(1))
        #expect(try ControllerSnapshot.decode(bytes) == state)
    }

    @Test("snapshots of version 2 say nothing of recoveries")
    func snapshotWithoutRecoveries() throws {
        var state = ControllerState()
        state.accept(claim(1))
        var bytes = Array(ControllerSnapshot.encode(state).dropLast(4))
        #expect(bytes[4] == 3)
        bytes[4] = 2
        // Behind the 54 bytes of its head the group has a 0 for no recovery.
        let recovery = 54
        #expect(bytes[recovery - 1] == 0 && bytes[recovery] == 0)
        bytes.remove(at: recovery)
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        bytes.append(bigEndian: checksum)
        #expect(try ControllerSnapshot.decode(bytes) == state)
    }

    @Test("a snapshot with one wrong bit is refused, and so is every part of one")
    func damagedSnapshot() {
        let bytes = ControllerSnapshot.encode(Self.rich)
        for at in bytes.indices {
            var damaged = bytes
            damaged[at] ^= 1 << UInt8(at % 8)
            #expect(throws: ControllerBytesError.self) { try ControllerSnapshot.decode(damaged) }
            #expect(throws: ControllerBytesError.self) {
                try ControllerSnapshot.decode(Array(bytes.prefix(at)))
            }
        }
    }

    /// A liar computes checksums too.
    private static func lying(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = Array(ControllerSnapshot.encode(ControllerState.led).dropLast(4))
        change(&bytes)
        let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
        bytes.append(bigEndian: checksum)
        return bytes
    }

    @Test("a snapshot that lies with a right checksum is refused")
    func lyingSnapshot() throws {
        #expect(try ControllerSnapshot.decode(Self.lying { _ in }) == .led)
        var refused = 0
        // Each byte replaced by each of a few: accepted only if it keeps every invariant.
        for at in 0..<(Self.lying { _ in }.count - 4) {
            for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
                do {
                    let state = try ControllerSnapshot.decode(Self.lying { $0[at] = value })
                    for (_, group) in state.groups { #expect(group.problem == nil) }
                } catch { refused += 1 }
            }
        }
        #expect(refused > 100)
        #expect(throws: ControllerBytesError.self) {
            try ControllerSnapshot.decode(Self.lying { $0.append(0) })
        }
        #expect(throws: ControllerBytesError.self) {
            try ControllerSnapshot.decode(Self.lying { $0[5...6] = [0xFF, 0xFF] })
        }
    }
}

/// Reproducible randomness: the seed is all there is.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
