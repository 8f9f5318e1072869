import NIOCore
import Testing

@testable import RemotingTransport

@Suite("How long a peer's bytes wait in the socket")
struct ReadPaceTests {
    private static func at(_ milliseconds: Int64) -> NIODeadline {
        .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds)
    }

    @Test("as long as it takes to read those before them, at the latest pace")
    func steady() {
        var pace = ReadPace()
        var waits: [TimeAmount] = []
        // 64 KiB each 10 ms, with 640 KiB behind them.
        for step in 0..<40 {
            waits.append(pace.read(64 << 10, left: 640 << 10, at: Self.at(Int64(step) * 10)))
        }
        #expect(waits.prefix(20).allSatisfy { $0 == .zero })
        #expect(waits.suffix(15).allSatisfy { abs($0.nanoseconds - 100_000_000) < 1_000_000 })
    }

    @Test("one hesitation says nothing, the better of two counts, an emptied socket forgets all")
    func hesitation() {
        var pace = ReadPace()
        #expect(pace.read(64 << 10, left: 640 << 10, at: Self.at(0)) == .zero)
        #expect(pace.read(64 << 10, left: 640 << 10, at: Self.at(90)) == .zero)
        #expect(pace.read(64 << 10, left: 640 << 10, at: Self.at(200)) == .zero)
        // 64 KiB in 100 ms, then in 200 ms.
        let wait = pace.read(64 << 10, left: 640 << 10, at: Self.at(400))
        #expect(abs(wait.nanoseconds - 1_000_000_000) < 1_000_000)
        #expect(pace.read(100, left: 0, at: Self.at(410)) == .zero)
        #expect(pace.read(64 << 10, left: 640 << 10, at: Self.at(1_000)) == .zero)
    }
}
