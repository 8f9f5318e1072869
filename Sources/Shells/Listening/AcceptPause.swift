import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rests accepting when no file descriptor or socket memory is left.
///
/// The waiting connection stays in the kernel's backlog, so the server would be told of it again
/// and again, as fast as its loop turns. On the server channel's loop only.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let pause: TimeAmount
    private let logger: Logger
    /// Whose the report is: a line in the log names the module of a file.
    private let file: String
    private var isPaused = false
    private var reports = SparseReport()

    init(pause: Duration, logger: Logger, file: String) {
        self.pause = TimeAmount(pause)
        self.logger = logger
        self.file = file
    }

    /// An error of one accept is never a reason to stop listening.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !self.isPaused, let error = error as? IOError, Self.isTableFull(error) else { return }
        self.isPaused = true
        if let count = self.reports.note(1, at: context.eventLoop.now) {
            self.logger.warning(
                "accepting rests", metadata: ["error": "\(error)", "count": "\(count)"],
                file: self.file)
        }
        let channel = context.channel
        // Not by holding `read()` back: a failed accept leaves the interest in reading registered.
        channel.setOption(.autoRead, value: false).whenComplete { _ in }
        context.eventLoop.assumeIsolated().scheduleTask(in: self.pause) {
            self.isPaused = false
            channel.setOption(.autoRead, value: true).whenComplete { _ in }
        }
    }

    private static func isTableFull(_ error: IOError) -> Bool {
        [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode)
    }
}
