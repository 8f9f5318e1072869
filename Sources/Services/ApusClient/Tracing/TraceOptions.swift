import MessageFormat

/// What a client writes down about its messages' ways, for `Admin.trace` and RocketMQ's tools.
///
/// Records are messages of a topic of their own, sent by a producer of their own, some at a time.
/// No send and no handler waits for them: when they cannot be sent as fast as they come, they are
/// dropped, and the log says how many.
public struct TraceOptions: Sendable {
    /// Where the records go. With `RMQ_SYS_TRACE_TOPIC` RocketMQ's tools find them.
    public var topic = SystemTopic.trace
    /// Records that may wait to be sent.
    public var recordsMax = 2_048
    /// How long the first one waits for others.
    public var interval: Duration = .seconds(1)

    public init() {}
}
