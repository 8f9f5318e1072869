import ApusClient
import RemotingProtocol

extension ConnectionOptions {
    /// The client library's way to the cluster; closed behind `use` whatever happens.
    func withAdmin<R>(_ use: (Admin) async throws -> R) async throws -> R {
        var configuration = ApusClient.Configuration(nameServers: self.nameServers)
        configuration.requestTimeout = .seconds(self.timeout)
        let admin = Admin(configuration)
        do {
            let result = try await use(admin)
            await admin.close()
            return result
        } catch {
            await admin.close()
            throw error
        }
    }
}

/// Runs calls of the client library, and names what failed.
func attempting<R>(
    _ what: String, _ call: () async throws(ApusClientError) -> R
) async throws(CommandFailure) -> R {
    do {
        return try await call()
    } catch {
        throw CommandFailure(what, error)
    }
}

extension CommandFailure {
    /// `what` is the beginning of a sentence, such as "cannot list the dead letters".
    init(_ what: String, _ error: ApusClientError) {
        self.init(
            Self.status(of: error), what, because: error.message, try: Self.advice(on: error))
    }

    private static func status(of error: ApusClientError) -> ExitStatus {
        switch error.code {
        case .topicNotFound, .groupNotFound, .notFound: .negative
        case .invalidArgument, .messageRefused: .usage
        case .badAnswer: .internalFault
        default: .unavailable
        }
    }

    private static func advice(on error: ApusClientError) -> String {
        if error.responseCode == Int(ResponseCode.requestCodeNotSupported.rawValue) {
            return "this server does not offer that: it needs Apus brokers"
        }
        return switch error.code {
        case .nameServerUnreachable: "is a name server running there? Name another: --name-server"
        case .brokerUnreachable, .noRoute: "look at `apus cluster health`: a broker may be down"
        case .timedOut: "is the server overloaded or paused? Raise --timeout"
        case .busy: "the server is overloaded: try again"
        case .topicNotFound: "look for the name in `apus topic list`"
        case .groupNotFound: "look for the name in `apus group list`"
        default: "look into the server's log"
        }
    }
}
