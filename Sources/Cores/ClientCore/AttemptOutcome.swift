/// What is known about one attempt to send, once it is over.
///
/// A message counts as acknowledged if any of its attempts is. `unknown` may turn up at consumers,
/// at most once per attempt; `refused` never does.
package enum AttemptOutcome: Hashable, Sendable {
    case acknowledged
    case unknown(AttemptFailure)
    case refused(AttemptFailure)

    package var mayHaveBeenStored: Bool {
        switch self {
        case .acknowledged, .unknown: true
        case .refused: false
        }
    }

    package var failure: AttemptFailure? {
        switch self {
        case .acknowledged: nil
        case .unknown(let failure), .refused(let failure): failure
        }
    }
}

/// Why an attempt did not end with an acknowledgement.
package struct AttemptFailure: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// No connection could be made.
        case connectFailed
        case timedOut
        case connectionLost
        /// The broker answered with this code.
        case answered(code: Int32)
        /// The client itself could not send now: too much in flight, or shutting down.
        case local
        /// No broker is known for the topic or the queue.
        case noRoute
    }

    package var kind: Kind
    package var reason: String

    package init(_ kind: Kind, reason: String) {
        self.kind = kind
        self.reason = reason
    }
}

extension AttemptOutcome {
    /// The class of a broker's answer to a send request.
    package init(responseCode code: Int32, remark: String) {
        let failure = AttemptFailure(.answered(code: code), reason: remark)
        switch code {
        case SendCode.success: self = .acknowledged
        case _ where SendCode.refusals.contains(code): self = .refused(failure)
        // What a code does not rule out may have happened: stored but not flushed in time, stored
        // but not replicated, an exception somewhere behind the append, a code from the future.
        default: self = .unknown(failure)
        }
    }

    /// The class of a request that got no answer.
    package init(failure: AttemptFailure, requestWasSent: Bool) {
        self = requestWasSent ? .unknown(failure) : .refused(failure)
    }
}

/// Response codes of the wire that a producer tells apart.
package enum SendCode {
    package static let success: Int32 = 0
    package static let systemError: Int32 = 1
    package static let systemBusy: Int32 = 2
    package static let requestCodeNotSupported: Int32 = 3
    package static let flushDiskTimeout: Int32 = 10
    package static let slaveNotAvailable: Int32 = 11
    package static let flushSlaveTimeout: Int32 = 12
    package static let messageIllegal: Int32 = 13
    package static let serviceNotAvailable: Int32 = 14
    package static let noPermission: Int32 = 16
    package static let topicNotExist: Int32 = 17
    package static let groupNotExist: Int32 = 26
    package static let invalidParameter: Int32 = 29
    package static let noBuyerID: Int32 = 204
    package static let notInCurrentUnit: Int32 = 205
    package static let flowControl: Int32 = 215
    package static let goAway: Int32 = 1500

    /// Answers that a broker gives before it appends anything.
    static let refusals: Set<Int32> = [
        systemBusy, requestCodeNotSupported, messageIllegal, serviceNotAvailable, noPermission,
        topicNotExist, groupNotExist, invalidParameter, noBuyerID, notInCurrentUnit, flowControl,
        goAway,
    ]

    /// Answers after which another broker, or the same one later, may well accept the message.
    static let retryable: Set<Int32> = [
        systemError, systemBusy, flushDiskTimeout, slaveNotAvailable, flushSlaveTimeout,
        serviceNotAvailable, noPermission, topicNotExist, noBuyerID, notInCurrentUnit,
        flowControl, goAway,
    ]
}
