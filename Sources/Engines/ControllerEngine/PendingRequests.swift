import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

/// Requests that wait for the group's decision. Bounded by who puts them in.
struct PendingRequests: Sendable {
    struct Write: Sendable {
        let request: Request
        let term: Term
        let kind: WriteKind
    }

    private(set) var writes: [LogIndex: Write] = [:]
    private(set) var reads: [ReadTicket: (request: Request, question: Question)] = [:]
    private(set) var transfer: (request: Request, target: NodeID)?

    var count: Int { self.writes.count + self.reads.count }
    var isTransferring: Bool { self.transfer != nil }

    mutating func wait(_ request: Request, for proposed: Proposed, _ kind: WriteKind) {
        self.writes[proposed.index] = Write(request: request, term: proposed.term, kind: kind)
    }

    mutating func wait(_ request: Request, for ticket: ReadTicket, _ question: Question) {
        self.reads[ticket] = (request, question)
    }

    mutating func wait(_ request: Request, forTransferTo target: NodeID) {
        self.transfer = (request, target)
    }

    mutating func takeWrite(at index: LogIndex) -> Write? {
        self.writes.removeValue(forKey: index)
    }

    mutating func takeRead(_ ticket: ReadTicket) -> (request: Request, question: Question)? {
        self.reads.removeValue(forKey: ticket)
    }

    mutating func takeTransfer() -> (request: Request, target: NodeID)? {
        defer { self.transfer = nil }
        return self.transfer
    }

    /// Nobody waits at the other end any more.
    mutating func drop(_ connection: ConnectionID) {
        self.writes = self.writes.filter { $0.value.request.connection != connection }
        self.reads = self.reads.filter { $0.value.request.connection != connection }
        if self.transfer?.request.connection == connection { self.transfer = nil }
    }

    /// Everything that a leader had promised to answer, in the order of its arrival.
    mutating func takeWritesAndReads() -> [Request] {
        let writes = self.writes.sorted { $0.key < $1.key }.map(\.value.request)
        let reads = self.reads.sorted { $0.key < $1.key }.map(\.value.request)
        self.writes.removeAll()
        self.reads.removeAll()
        return writes + reads
    }

    mutating func takeExpired(at now: Tick) -> [Request] {
        let writes = self.writes.filter { $0.value.request.deadline <= now }
        let reads = self.reads.filter { $0.value.request.deadline <= now }
        for index in writes.keys { self.writes[index] = nil }
        for ticket in reads.keys { self.reads[ticket] = nil }
        var expired = writes.sorted { $0.key < $1.key }.map(\.value.request)
        expired += reads.sorted { $0.key < $1.key }.map(\.value.request)
        if let transfer = self.transfer, transfer.request.deadline <= now {
            self.transfer = nil
            expired.append(transfer.request)
        }
        return expired
    }
}

/// What is to be answered once a write is applied.
enum WriteKind: Sendable {
    /// The group's view; a refusal too carries it.
    case view(group: String)
    /// The view, in the form of elections.
    case elect(group: String, hasBroker: Bool)
    /// The view after a change of the SyncStateSet.
    case alter(group: String)
    case claim(cluster: String, group: String)
    case clean
    case done
    case controllerRemoved(NodeID)
}

/// What is to be answered once leadership is proven.
enum Question: Sendable {
    case replicaInfo(group: String)
    case syncStateData(groups: [String])
    case nextBrokerID(cluster: String, group: String)
    case drain(BrokerKey)
    /// Whether a command that this controller would refuse is to be refused.
    case refusal(of: ControllerCommand, WriteKind)
}
