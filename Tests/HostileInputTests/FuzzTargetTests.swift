import Foundation
import HostileBytes
import HostileInput
import TestSupport
import Testing

/// The short form of `Tests/Fuzzing/run`: no learning, but in every run of the tests.
@Suite("Bytes of strangers break nothing", .inBackground)
struct FuzzTargetTests {
    /// Engines do much more for an input than decoders.
    private static let runs = ["broker": 20, "controller": 20, "name-server": 100, "raft": 60]

    @Test("what honest peers send, changed a little", arguments: FuzzTarget.all.map(\.name))
    func mutations(of name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let seeds = target.seeds()
        #expect(!seeds.isEmpty)
        for seed in seeds { target.run(seed) }
        var mutator = Mutator(seed: 2_718)
        for _ in 0..<Self.runs[name, default: 200] { target.run(mutator.mutate(seeds)) }
    }

    @Test(
        "a lying length, wherever one may stand",
        arguments: [
            "binary-header", "frame", "peer-frame", "message", "message-batch", "log-batch",
            "state-record", "replication", "raft",
        ])
    func lyingLengths(of name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        for seed in target.seeds().filter({ $0.count <= 200 }).prefix(2) {
            for at in seed.indices {
                for width in [2, 4] where at + width <= seed.count {
                    for first: UInt8 in [0x7F, 0xFF] {
                        var bytes = seed
                        for place in at..<(at + width) { bytes[place] = 0xFF }
                        bytes[at] = first
                        target.run(bytes)
                    }
                }
            }
        }
    }

    @Test("what once broke something", arguments: FuzzTarget.all.map(\.name))
    func findings(of name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        for finding in Findings.of(name) { target.run(finding) }
    }

    @Test("the same seed makes the same bytes")
    func mutator() {
        let honest = [Array("hello".utf8), [1, 2, 3]]
        var (first, second, other) = (Mutator(seed: 1), Mutator(seed: 1), Mutator(seed: 2))
        let bytes = (0..<50).map { _ in first.mutate(honest) }
        #expect(bytes == (0..<50).map { _ in second.mutate(honest) })
        #expect(bytes != (0..<50).map { _ in other.mutate(honest) })
    }
}

/// Inputs that `Tests/Fuzzing/run` kept, one file each.
private enum Findings {
    static func of(_ target: String) -> [[UInt8]] {
        let folder = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fuzzing/Findings/\(target)")
        let files = try? FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        return (files ?? []).compactMap { try? [UInt8](Data(contentsOf: $0)) }
    }
}
