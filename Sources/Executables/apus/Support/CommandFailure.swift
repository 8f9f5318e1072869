import ArgumentParser
import Chaos
import RemotingProtocol
import RemotingTransport

/// How the program ends; the numbers are those of `sysexits.h` where it has one.
enum ExitStatus: Int32 {
    /// Not found, or a negative verdict.
    case negative = 1
    case usage = 64
    case unavailable = 69
    case internalFault = 70
}

/// Why a command could not do what it was asked: what, why, and what to try.
struct CommandFailure: Error {
    var status: ExitStatus
    var what: String
    var reason: String
    var advice: String

    init(_ status: ExitStatus, _ what: String, because reason: String, try advice: String) {
        self.status = status
        self.what = what
        self.reason = reason
        self.advice = advice
    }

    /// `what` is the beginning of a sentence, such as "cannot list the topics".
    init(_ what: String, _ error: AccessError) {
        self.init(
            Self.status(of: error), what, because: error.plainText, try: Self.advice(on: error))
    }

    init(_ what: String, _ error: HistoryError) {
        switch error {
        case .damaged(let problem), .damagedLine(_, let problem):
            var line = ""
            if case .damagedLine(let number, _) = error { line = "line \(number): " }
            self.init(
                .usage, what, because: line + problem,
                try: "check that the file is a history that apus wrote")
        case .cannotRead(let path, let errno), .cannotWrite(let path, let errno):
            self.init(
                .usage, what, because: "\(path): \(SystemText.error(errno))",
                try: "check the path and its permissions")
        }
    }

    static func notFound(_ what: String, try advice: String) -> Self {
        Self(.negative, what, because: "it does not exist", try: advice)
    }

    private static func status(of error: AccessError) -> ExitStatus {
        switch error {
        case .unreachable, .noMaster: .unavailable
        case .noRoute: .negative
        case .unreadable: .internalFault
        case .refused(let code, _, _):
            switch code {
            case .topicNotExist, .queryNotFound, .subscriptionGroupNotExist, .consumerNotOnline:
                .negative
            case .messageIllegal, .invalidParameter: .usage
            default: .unavailable
            }
        }
    }

    private static func advice(on error: AccessError) -> String {
        switch error {
        case .unreachable(.connectFailed(let address, _)):
            "is a server running at \(address)? Start one with `cluster/launch up`, "
                + "or name another with --name-server"
        case .unreachable(.timedOut(let address, _, _)):
            "is the server at \(address) overloaded or paused? Raise --timeout"
        case .unreachable: "try again; look into the server's log if it happens again"
        case .noRoute(let topic):
            "look for the name in `apus topic list`, or create it: `apus topic create \(topic)`"
        case .noMaster: "look at `apus cluster health`: a broker may be down"
        case .unreadable: "is this address a RocketMQ-compatible server?"
        case .refused(let code, _, _): Self.advice(on: code)
        }
    }

    private static func advice(on code: ResponseCode) -> String {
        switch code {
        case .systemBusy, .flowControl: "the server is overloaded: try again, or send less"
        case .noPermission: "look at the topic's permission: `apus topic info TOPIC`"
        case .topicNotExist: "look for the name in `apus topic list`"
        case .subscriptionGroupNotExist: "look for the name in `apus group list`"
        case .requestCodeNotSupported: "this server does not offer that"
        case .controllerNotLeader: "look at `apus controller status`"
        case .controllerBrokerNeedToBeRegistered, .controllerBrokerMetadataNotExist:
            "look for the group's name in `apus broker status`"
        case .controllerElectMasterFailed, .controllerMasterNotAvailable:
            "`apus cluster health` says what to start. --force is for brokers that are gone for "
                + "good: what they alone held is lost"
        case .controllerMasterStillExist: "name another one with --to"
        case .controllerInvalidCleanBrokerMetadata:
            "look at `apus broker status`; a broker that is to be forgotten is stopped first, and "
                + "keep its directory until the group is well"
        default: "look into the server's log"
        }
    }
}

extension AccessError {
    /// The description, without what only a programmer of sockets wants to know.
    var plainText: String {
        guard case .unreachable(.connectFailed(let address, let reason)) = self else {
            return self.description
        }
        let refused = reason.contains("Connection refused")
        return refused ? "nobody listens at \(address)" : self.description
    }
}
