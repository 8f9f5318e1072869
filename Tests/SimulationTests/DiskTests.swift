import BrokerEngine
import MessageFormat
import Testing

@testable import Simulation

@Suite("A virtual disk keeps what was flushed, and of the rest what it likes")
struct DiskTests {
    @Test("what was flushed survives every power cut")
    func durable() {
        for seed in UInt64(1)...200 {
            var random = SeededGenerator(seed: seed)
            let file = VirtualFile()
            file.write([UInt8](repeating: 1, count: 2_000), at: 0)
            file.flush()
            file.write([UInt8](repeating: 2, count: 2_000), at: 2_000)
            #expect(file.isDurable(0..<2_000))
            #expect(!file.isDurable(1_999..<2_001))
            file.losePower(&random)
            #expect(file.bytes[..<2_000].allSatisfy { $0 == 1 })
        }
    }

    @Test("of what was not flushed any part may be there: none, all, or single sectors")
    func torn() {
        var kept: Set<Int> = []
        for seed in UInt64(1)...300 {
            var random = SeededGenerator(seed: seed)
            let file = VirtualFile()
            file.write([UInt8](repeating: 1, count: 1_536), at: 0)
            file.losePower(&random)
            kept.insert(file.bytes.count { $0 == 1 })
        }
        #expect(kept == [0, 512, 1_024, 1_536])
    }

    @Test("overlapping writes that are undone leave what was there before both")
    func overlap() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<50 {
            let file = VirtualFile()
            file.write([1, 1, 1, 1], at: 0)
            file.flush()
            file.write([2, 2], at: 1)
            file.write([3, 3], at: 2)
            file.losePower(&random)
            #expect(file.bytes[0] == 1)
            #expect([1, 2].contains(file.bytes[1]))
            #expect([1, 3].contains(file.bytes[3]))
        }
    }

    @Test("damage is forgotten where it was written over, and grows when the log is cut there")
    func damage() {
        var ranges = DamagedRanges()
        ranges.note(100..<200)
        ranges.mend(100..<150)
        #expect(ranges.ranges == [150..<200])
        ranges.cut(to: 120)
        #expect(ranges.ranges == [120..<Int64.max])
        ranges.mend(120..<500)
        #expect(ranges.ranges == [500..<Int64.max])
        ranges.cut(to: 400)
        #expect(ranges.ranges == [400..<Int64.max])
    }
}
