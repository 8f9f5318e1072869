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

    @Test("with SYNC_FLUSH a written message is not kept, a durable one is")
    func sync() {
        var progress = self.progress(.sync)
        progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(100))
        #expect(progress.kept == PhysicalOffset(100))
        progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(200))
        #expect(progress.kept == PhysicalOffset(200))
    }

    @Test("with ASYNC_FLUSH a written message is kept")
    func async() {
        var progress = self.progress(.async)
        progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(100))
        #expect(progress.kept == PhysicalOffset(200))
        #expect(progress.durable == PhysicalOffset(100))
    }

    @Test("completions that come late or twice move nothing back")
    func late() {
        var progress = self.progress(.sync)
        progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(200))
        progress.written(upTo: PhysicalOffset(150), durable: PhysicalOffset(120))
        #expect(progress.kept == PhysicalOffset(200))
        #expect(progress.isWriterIdle)
    }

    @Test("nothing is confirmed that is not kept here, whatever others keep")
    func confirmed() {
        var progress = self.progress(.sync)
        let early = progress.confirm(upTo: PhysicalOffset(200))
        #expect(!early)
        #expect(progress.confirmed == PhysicalOffset(100))
        progress.written(upTo: PhysicalOffset(200), durable: PhysicalOffset(150))
        let moved = progress.confirm(upTo: PhysicalOffset(200))
        #expect(moved)
        #expect(progress.confirmed == PhysicalOffset(150))
        let back = progress.confirm(upTo: PhysicalOffset(120))
        #expect(!back)
        #expect(progress.confirmed == PhysicalOffset(150))
    }
}
