package import MessageFormat
package import RemotingProtocol

/// Asks a master for queues that a consumer wants to itself, and gives them back.
package enum LockRequests {
    package static func lock(
        _ queues: [MessageQueue], group: String, clientID: String
    ) -> RemotingCommand {
        .request(
            .lockBatchMQ,
            body: LockBatchBody(clientID: clientID, group: group, queues: queues).encoded)
    }

    package static func unlock(
        _ queues: [MessageQueue], group: String, clientID: String
    ) -> RemotingCommand {
        .request(
            .unlockBatchMQ,
            body: LockBatchBody(clientID: clientID, group: group, queues: queues).encoded)
    }

    /// The queues that are the client's now; nil if the broker did not say.
    package static func locked(_ result: CallResult) -> Set<MessageQueue>? {
        guard let command = try? result.get(), command.responseCode == .success else {
            return nil
        }
        return (try? LockBatchResult(bodyOf: command)).map { Set($0.queues) }
    }
}
