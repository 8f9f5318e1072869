package import LogCore
package import MessageFormat
package import RemotingProtocol
package import ReplicationProtocol

/// What the broker's shell has to do, in this order.
package enum Effect: Sendable {
    case answer(Caller, RemotingCommand)
    case answerSend(Caller, SendResponse)
    /// Read these messages, check that they are whole and of this stretch, which begins where was
    /// asked, and send them behind the head.
    case deliver(Caller, PullResponse, [IndexEntry], of: QueueStretch)
    /// The same for popped messages. What cannot be sent comes again when its time has passed.
    case deliverPopped(Caller, PopResponse, [IndexEntry])
    /// Pass the request on to the master, marked `apusRelayed`, and its answer back.
    case relay(Caller, ReceivedCommand, to: String)
    /// A request of the broker's own. A client's answer comes in as any other command.
    case notify(ConnectionID, RemotingCommand)

    /// Write and, with `sync`, flush; then call `written`.
    case write([PlannedBatch], sync: Bool)
    /// Read these messages' entries from a sealed segment's index file; then call `entriesRead`.
    case readEntries(Ticket, segment: PhysicalOffset, QueueStretch)
    /// Find the first of them stored at or after a time; then call `entryFound`.
    case searchEntries(
        Ticket, segment: PhysicalOffset, QueueStretch, storedAtOrAfter: Timestamp)
    /// Find entries by key hash in the sealed segments' index files; then call `entriesRead`.
    case findByKey(Ticket, segments: [PhysicalOffset], hash: UInt64, limit: Int)
    /// Read whole messages; then call `messagesRead`.
    case readMessages(Ticket, [IndexEntry])
    /// Find the entry-less message at a position; then call `messagesRead`.
    case readMessage(Ticket, at: PhysicalOffset)

    /// Make the segment's index file; then call `sealed`.
    case seal(SegmentContents)
    case deleteSegment(PhysicalOffset)
    /// Read or mend full segments; then call `segmentWorkDone`.
    case keepSegments(SegmentWork)

    /// Open a link to the master's replication address; then call `linkOpened`, or `linkClosed`
    /// with the same link when it cannot be had.
    case connectToMaster(address: String, LinkID)
    case replicate(LinkID, ReplicationMessage)
    case closeLink(LinkID)
    /// Read whole batches from `from` on, at most up to `end`; then call `logRead`.
    case readLog(LinkID, from: PhysicalOffset, end: PhysicalOffset, bytesMax: Int)
    /// Ask the controllers' leader; then call `syncStateSetAnswered`.
    case alterSyncStateSet(SyncStateSetProposal)
    /// Ask the controllers' leader to elect somebody else, who may be able to do what this master
    /// cannot.
    case askForAnotherMaster(because: String)
    /// Ask the leading controller how the group stands, once; then `controllersSaid`.
    case askControllers(call: UInt64)
    /// Change the log on disk and go on with a new engine. This engine asks for nothing more.
    case changeLog(LogChange)
    case roleChanged(BrokerRole)
    /// Something that an operator should read in the log.
    case warn(String)

    /// Ask name servers where a topic lies; then call `routeFound`.
    case lookUpRoute(Ticket, topic: String)
    /// The topics changed: tell the name servers.
    case register
    /// Create the topic on the cluster's other masters, too.
    case spread(TopicConfig)
}

/// Names a read that is under way.
package struct Ticket: Hashable, Sendable {
    package var value: UInt64
}
