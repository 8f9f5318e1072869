import MessageFormat
import NIOCore
import TestSupport
import Testing

@testable import Broker

@Suite("A disk that hangs", .serialized, .realTime)
struct HangingDiskTests {
    @Test("a master that has waited two seconds for a write hands over")
    func handsOver() async throws {
        try await withGroup { cluster in
            let first = try #require(await cluster.master())
            let door = try #require(cluster.members[first]?.running?.door)
            try await door.loop.submit {
                door.worker?.writingSince = Clock.now().tick + .seconds(-3)
            }.get()
            #expect(await cluster.master(but: first) != nil, "somebody else became master")
            #expect(await cluster.takesMessages())
        }
    }
}
