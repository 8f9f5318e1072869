package import MessageFormat

/// What the directory of a stopped server holds, and whether every byte of it is sound.
package struct StoreReport: Sendable {
    package enum Kind: String, Sendable { case broker, controller }

    package let kind: Kind
    package let directory: String
    /// Names in the directory itself.
    package internal(set) var files: [String] = []
    /// Of a broker whose log could be read at all.
    package internal(set) var log: LogFacts?
    /// Of a controller whose log could be read at all.
    package internal(set) var raft: RaftFacts?
    /// In the order in which they were found, at most `listedMax` of them.
    package private(set) var damages: [StoreDamage] = []
    package private(set) var damageCount = 0
    /// What is no damage and worth knowing, such as what a crash left behind.
    package private(set) var notes: [String] = []

    /// A rotten disk has millions of them.
    package static let listedMax = 1_000

    init(_ kind: Kind, of directory: String) {
        self.kind = kind
        self.directory = directory
    }

    package var isSound: Bool { self.damageCount == 0 }

    package mutating func found(_ damage: StoreDamage) {
        self.damageCount += 1
        if self.damages.count < Self.listedMax { self.damages.append(damage) }
    }

    package mutating func note(_ text: String) {
        if self.notes.count < Self.listedMax { self.notes.append(text) }
    }
}

/// Bytes that are not what was written, and what that means for the data.
package struct StoreDamage: Hashable, Sendable {
    /// Path within the directory.
    package var file: String
    /// The first byte in the file; nil when it is about the whole file.
    package var offset: Int64?
    package var what: String
    package var means: String

    package init(_ file: String, at offset: Int64? = nil, _ what: String, means: String) {
        self.file = file
        self.offset = offset
        self.what = what
        self.means = means
    }
}

/// What a broker's log holds. Messages are counted where their batches are sound.
package struct LogFacts: Sendable {
    package enum SegmentState: String, Sendable {
        /// The log went on in the next one.
        case sealed
        /// The log ends in it.
        case active
        /// Prepared, holds nothing yet.
        case spare
    }

    package struct Segment: Sendable {
        package let base: PhysicalOffset
        package internal(set) var state: SegmentState
        package internal(set) var end: PhysicalOffset
        package internal(set) var batches = 0
        package internal(set) var messages = 0
        package internal(set) var hasIndex = false
    }

    package enum Tail: Hashable, Sendable {
        /// Behind the last batch there is only prepared space.
        case clean
        /// A write that a crash cut off: the next start cuts it off at this place.
        case torn(at: PhysicalOffset, String)
    }

    package let logID: UInt64
    package let segmentBytes: Int
    package internal(set) var segments: [Segment] = []
    package internal(set) var epochs: [EpochStart] = []
    package internal(set) var start = PhysicalOffset.zero
    package internal(set) var end = PhysicalOffset.zero
    package internal(set) var tail = Tail.clean
    package internal(set) var queues: [QueueFacts] = []
    /// What the file `confirmed` says.
    package internal(set) var confirmed: PhysicalOffset?
    package internal(set) var masterEpoch: Epoch?

    init(logID: UInt64, segmentBytes: Int) {
        self.logID = logID
        self.segmentBytes = segmentBytes
    }

    package var batches: Int { self.segments.reduce(0) { $0 + $1.batches } }
    package var messages: Int { self.segments.reduce(0) { $0 + $1.messages } }
    package var topics: Int { Set(self.queues.map(\.key.topic)).count }
}

package struct QueueFacts: Sendable {
    package let key: QueueKey
    package internal(set) var first: QueueOffset
    /// Behind the last message.
    package internal(set) var end: QueueOffset
    package internal(set) var messages = 0
}

/// What a controller's log holds.
package struct RaftFacts: Sendable {
    package let group: String
    package let node: String
    package let term: UInt64
    package let snapshotIndex: UInt64?
    package let entries: Int
    package let lastIndex: UInt64
    /// Bytes of a last frame that a crash cut off.
    package let tornBytes: Int
}

/// Why a directory cannot be verified.
package enum StoreCheckFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case notAStore(String)
    /// A server runs on it.
    case inUse(path: String)
    case unreadable(StorageError)

    package var description: String {
        switch self {
        case .notAStore(let directory):
            "\(directory) is the directory of no broker and of no controller"
        case .inUse(let path): "\(path) is locked: a server runs on this directory; stop it first"
        case .unreadable(let error): "\(error)"
        }
    }

    /// Runs calls of this module's files.
    static func reading<R>(_ body: () throws(StorageError) -> R) throws(StoreCheckFailure) -> R {
        do throws(StorageError) { return try body() } catch { throw .unreadable(error) }
    }
}
