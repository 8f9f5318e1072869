import LogCore
import MessageFormat
import MetricsFormat
import Storage

/// What the disk did for this broker since it started. Noted once for each batch.
struct WriterFigures: Sendable {
    private static let times: [Int64] = [
        50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000,
        50_000_000, 100_000_000, 500_000_000, 2_000_000_000,
    ]

    private(set) var write = Histogram(bounds: Self.times, unit: 1e-9)
    private(set) var flush = Histogram(bounds: Self.times, unit: 1e-9)
    private(set) var batchBytes = Histogram(
        bounds: [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20])
    private(set) var forecast = DiskForecast()
    private(set) var disk: DiskUsage?

    /// A flush in the background has no orders; a write under `ASYNC_FLUSH` no flush.
    mutating func note(_ completion: WriteCompletion, isSync: Bool) {
        if completion.orders > 0 {
            self.write.observe(completion.writeNanoseconds)
            self.batchBytes.observe(Int64(completion.bytes))
        }
        if isSync || completion.orders == 0 { self.flush.observe(completion.flushNanoseconds) }
    }

    mutating func note(_ usage: DiskUsage, at now: Tick) {
        self.disk = usage
        self.forecast.note(bytesFree: usage.bytesFree, at: now)
    }
}
