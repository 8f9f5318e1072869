import ClientCore
import ClientEngine
import RemotingProtocol
import RemotingTransport

// The one place where failures of the layers below become public errors.
extension ApusClientError {
    init(_ failure: SendFailure) {
        let what = "sending to topic \(failure.topic) failed"
        let tries = failure.attempts == 1 ? "1 attempt" : "\(failure.attempts) attempts"
        let trail = failure.address.map { ", after \(tries), the last one at \($0)" } ?? ""
        let over = failure.isDeadlineOver ? "; the deadline is over" : ""
        switch failure.cause {
        case .attempt(let attempt):
            self.init(
                Code(attempt.kind), "\(what)\(trail): \(attempt.reason)\(over)",
                responseCode: attempt.responseCode)
        case .topicNotFound:
            self.init(
                .topicNotFound,
                "\(what): no name server knows the topic, nor a template to create it from")
        case .noRoute:
            self.init(
                .noRoute, "\(what): no name server names a broker that takes it\(trail)\(over)")
        case .noNameServer(let reason):
            self.init(
                .nameServerUnreachable, "\(what): no name server could be asked: \(reason)\(over)")
        case .closed:
            self.init(.closed, "\(what): the producer was closed")
        }
        self.mayHaveBeenStored = failure.mayHaveBeenStored
    }

    init(_ error: RemotingError, during what: String) {
        self.init(
            Code(AttemptFailure(error).kind), "\(what): \(error)", cause: error,
            mayHaveBeenStored: error.requestWasSent)
    }

    /// A server's answer that is not a success.
    init(refusal command: ReceivedCommand, from address: String, during what: String) {
        let name = command.responseCode.name
        let remark = command.remark.map { ": \($0)" } ?? ""
        self.init(
            Code(response: command.code), "\(what): \(address) answered \(name)\(remark)",
            responseCode: Int(command.code))
    }
}

extension ApusClientError.Code {
    init(_ kind: AttemptFailure.Kind) {
        switch kind {
        case .connectFailed, .connectionLost: self = .brokerUnreachable
        case .timedOut: self = .timedOut
        case .answered(let code): self = Self(response: code)
        case .local: self = .busy
        case .noRoute: self = .noRoute
        }
    }

    init(response code: Int32) {
        switch ResponseCode(rawValue: code) {
        case .systemBusy, .flowControl: self = .busy
        case .flushDiskTimeout, .flushSlaveTimeout, .slaveNotAvailable: self = .notDurable
        case .messageIllegal, .invalidParameter: self = .messageRefused
        case .subscriptionParseFailed: self = .invalidArgument
        case .noPermission: self = .notPermitted
        case .topicNotExist: self = .topicNotFound
        case .subscriptionGroupNotExist: self = .groupNotFound
        case .queryNotFound: self = .notFound
        default: self = .serverError
        }
    }
}

extension AttemptFailure {
    fileprivate var responseCode: Int? {
        if case .answered(let code) = self.kind { Int(code) } else { nil }
    }

    init(_ error: RemotingError) {
        let kind: Kind =
            switch error {
            case .connectFailed: .connectFailed
            case .timedOut: .timedOut
            case .connectionClosed, .badFrame: .connectionLost
            case .cancelled, .tooManyInFlight, .requestTooLarge, .outboundFull, .shutDown: .local
            }
        self.init(kind, reason: "\(error)")
    }
}

extension CallFailure {
    init(_ error: RemotingError) {
        self.init(AttemptFailure(error), requestWasSent: error.requestWasSent)
    }
}
