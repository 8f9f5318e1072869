import LogCore
import MessageFormat
import Testing

@Suite("The confirm offset")
struct FlushProgressTests {
    private func progress(_ mode: FlushProgress.Mode) -> FlushProgress {
        var progress = FlushProgress(mode: mode, recoveredTo: PhysicalOffset(100))
        progress.submitted(upTo: PhysicalOffset(200))
        return progress
    }

    @Test("with SYNC_FLUSH a written message is not confirmed, a durable one is")
    func sync() {
        var progress = self.progress(.sync)
        #expect(progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(100)) == nil)
        #expect(progress.confirmed == PhysicalOffset(100))
        let moved = progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(200))
        #expect(moved == PhysicalOffset(200))
    }

    @Test("with ASYNC_FLUSH a written message is confirmed")
    func async() {
        var progress = self.progress(.async)
        let moved = progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(100))
        #expect(moved == PhysicalOffset(200))
        #expect(progress.durable == PhysicalOffset(100))
    }

    @Test("completions that come late or twice move nothing back")
    func late() {
        var progress = self.progress(.sync)
        _ = progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(200))
        #expect(progress.written(upTo: PhysicalOffset(150), durable: PhysicalOffset(120)) == nil)
        #expect(progress.confirmed == PhysicalOffset(200))
        #expect(progress.isWriterIdle)
    }
}
