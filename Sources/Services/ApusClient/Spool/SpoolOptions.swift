import ClientCore

/// Where and how much a producer keeps of what it cannot send.
///
/// With a spool, a send that fails though it may succeed later ends well: the message is on this
/// machine's disk, flushed, and leaves for the cluster when that is back, also from the next
/// process that opens the directory. As long as messages of a topic are spooled, all later ones of
/// that topic queue behind them. They are sent at least once: one that was on its way when the
/// process died, or whose outcome was unknown, is sent again.
///
/// One-way messages and transactions are never spooled. A batch is spooled as single messages.
public struct SpoolOptions: Hashable, Sendable {
    /// Of this producer alone: a second one that opens it gets no spool.
    public var directory: String
    /// Of all files. A send that would need more fails as it would without a spool.
    public var bytesMax = 1 << 30
    /// Messages that may wait.
    public var messagesMax = 1_000_000
    /// Of one message, properties included.
    public var messageBytesMax = 8 << 20

    /// The directory is made if it is not there.
    public init(directory: String) { self.directory = directory }
}

/// How far a producer's spool is.
public struct SpoolProgress: Hashable, Sendable {
    /// Messages that wait on disk, and their bytes.
    public var messages = 0
    /// Of the messages that wait.
    public var messageBytes = 0
    /// Of all files.
    public var fileBytes = 0
    /// Topics whose messages queue behind spooled ones.
    public var topics = 0
    /// Kept since the start, as all that follows is counted.
    public var spooled = 0
    /// Sent from the spool.
    public var drained = 0
    /// Moved to files in `set-aside`, because no broker will ever take them.
    public var setAside = 0
    /// Not kept, because the spool was full or broken.
    public var refused = 0
    /// Not readable any more.
    public var unreadable = 0
    /// Why nothing is kept: the directory cannot be used, or the disk failed.
    public var problem: String?
}

extension SpoolProgress {
    init(_ figures: SpoolPlanner.Progress, problem: String?) {
        self.messages = figures.messages
        self.messageBytes = figures.messageBytes
        self.fileBytes = figures.fileBytes
        self.topics = figures.topics
        self.spooled = figures.spooled
        self.drained = figures.drained
        self.setAside = figures.setAside
        self.refused = figures.refused
        self.unreadable = figures.unreadable
        self.problem = problem ?? (figures.isDiskBroken ? "the disk failed" : nil)
    }
}

extension Producer {
    /// Figures of the spool; nil without one.
    public var spoolProgress: SpoolProgress? { self.loop.spoolProgress }
}
