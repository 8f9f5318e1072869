internal import ClientCore
package import RemotingProtocol

/// Asks a name server for a topic's route.
package enum RouteRequest {
    package static func command(topic: String) -> RemotingCommand {
        .request(
            .getRouteInfoByTopic, fields: ["acceptStandardJsonOnly": "true", "topic": topic])
    }

    package enum Answer: Hashable, Sendable {
        case found(TopicRouteData)
        case absent
        case unreachable(reason: String)
    }

    package static func answer(_ result: CallResult) -> Answer {
        switch result {
        case .failure(let failure):
            return .unreachable(reason: failure.failure.reason)
        case .success(let command) where command.responseCode == .topicNotExist:
            return .absent
        case .success(let command) where command.responseCode == .success:
            do {
                return .found(try TopicRouteData(bodyOf: command))
            } catch {
                return .unreachable(reason: "the route cannot be read: \(error)")
            }
        case .success(let command):
            return .unreachable(
                reason: command.remark ?? "the name server answered code \(command.code)")
        }
    }
}
