package import RemotingProtocol

/// How a client tells brokers that it is there, asks who else is, and leaves.
package enum MembershipRequest {
    package static func heartbeat(_ data: HeartbeatData) -> RemotingCommand {
        .request(.heartBeat, body: data.encoded)
    }

    package static func members(of group: String) -> RemotingCommand {
        .request(.getConsumerListByGroup, fields: ["consumerGroup": group])
    }

    /// Nil if the broker knows no member or did not say.
    package static func members(_ result: CallResult) -> [String]? {
        guard let command = try? result.get(), command.responseCode == .success else {
            return nil
        }
        return (try? ConsumerIDList(bodyOf: command))?.clientIDs
    }

    package static func leave(
        clientID: String, producerGroup: String? = nil, consumerGroup: String? = nil
    ) -> RemotingCommand {
        var command = RemotingCommand.request(.unregisterClient, fields: ["clientID": clientID])
        command["consumerGroup"] = consumerGroup
        command["producerGroup"] = producerGroup
        return command
    }
}
